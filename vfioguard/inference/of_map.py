"""of_map_id() on an msi-map or iommu-map, in its two forms (drivers/of/base.c).

Both take the raw cells of the map, its mask, and an id of 32 bits. They return the phandle that the
id leads to, None where it leads to none.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Gap

ALL_BITS = 0xFFFFFFFF
_MAX_PHANDLE_ARGS = 16  # include/linux/of.h

#: A phandle -> how many cells an id of its node takes: None where no node has this phandle, a gap
#: where that is not known.
Width = Callable[[int], int | Gap | None]


def old(cells: tuple[int, ...], mask: int, number: int) -> int | None:
    """5.10.262 to 6.12.118: (id, phandle, output, length)*, and the end of a range wraps."""
    if len(cells) % 4:
        return None
    masked = number & mask
    for at in range(0, len(cells), 4):
        first, phandle, _, length = cells[at : at + 4]
        if first & ~mask & ALL_BITS:
            return None
        if first <= masked < (first + length) & ALL_BITS:
            return phandle
    return None


def new(cells: tuple[int, ...], mask: int, number: int, width: Width) -> int | Gap | None:
    """7.2.13 and 7.3.4: an output takes #msi-cells, and a phandle on the way that is loose ends it.

    A gap where it cannot be told.
    """
    masked = number & mask
    bad = False
    at = 0
    while len(cells) - at >= 2:
        first, phandle = cells[at : at + 2]
        if first & ~mask & ALL_BITS:
            return None
        wide = width(phandle)
        if not isinstance(wide, int):
            return wide
        bad = bad or (at == 0 and wide == 2 and _of_one_cell(cells))
        wide = 1 if bad else wide
        at += 3 + wide
        if wide > _MAX_PHANDLE_ARGS or at > len(cells):
            return None
        length = cells[at - 1]
        if masked >= first and masked - first < length:
            return phandle if length <= 1 or wide <= 1 else None
    return None


def _of_one_cell(cells: tuple[int, ...]) -> bool:
    """of_check_bad_map(): written for one cell of output, to one node of two."""
    regular = len(cells) % 4 == 0
    return regular and set(cells[1::4]) == {cells[1]} and set(cells[3::4]) == {1}
