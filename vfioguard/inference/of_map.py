"""of_map_id() on an msi-map or iommu-map, in its two forms (drivers/of/base.c).

Both take the raw cells of the map, its mask, and an id of 32 bits. They return the phandle to which
the id leads, or None if it leads to none.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Gap

ALL_BITS = 0xFFFFFFFF
_MAX_PHANDLE_ARGS = 16  # include/linux/of.h

#: Phandle -> the number of cells that an id of its node takes. None if no node has this phandle, a
#: gap if that is not known.
Width = Callable[[int], int | Gap | None]


def old(cells: tuple[int, ...], mask: int, number: int) -> int | None:
    """5.10.262 to 6.12.118: cells are (id, phandle, output, length)*; a range's end wraps."""
    if len(cells) % 4:
        return None
    masked = number & mask
    for start in range(0, len(cells), 4):
        first, phandle, _, length = cells[start : start + 4]
        if first & ~mask & ALL_BITS:
            return None
        if first <= masked < (first + length) & ALL_BITS:
            return phandle
    return None


def new(cells: tuple[int, ...], mask: int, number: int, width: Width) -> int | Gap | None:
    """7.2.13 and 7.3.4: an output takes #msi-cells, and a phandle without a node ends the search.

    Returns a gap if it is not known whether such a node exists, or how many cells it takes.
    """
    masked = number & mask
    bad = False
    index = 0
    while len(cells) - index >= 2:
        first, phandle = cells[index : index + 2]
        if first & ~mask & ALL_BITS:
            return None
        wide = width(phandle)
        if not isinstance(wide, int):
            return wide
        bad = bad or (index == 0 and wide == 2 and _of_one_cell(cells))
        wide = 1 if bad else wide
        index += 3 + wide
        if wide > _MAX_PHANDLE_ARGS or index > len(cells):
            return None
        length = cells[index - 1]
        if masked >= first and masked - first < length:
            return phandle if length <= 1 or wide <= 1 else None
    return None


def _of_one_cell(cells: tuple[int, ...]) -> bool:
    """of_check_bad_map(): whether the map has one cell for each output, and leads to one node.

    The caller has seen that this node takes two cells.
    """
    regular = len(cells) % 4 == 0
    return regular and set(cells[1::4]) == {cells[1]} and set(cells[3::4]) == {1}
