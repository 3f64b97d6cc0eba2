"""The cells of the map as paths of SVG 1.1.

A run of cells with the same answer is one line, which the style's `stroke-dasharray` cuts into
cells: dashing starts anew with each subpath (SVG 1.1 11.4). So 4,096 groups take a few hundred
bytes a bus. The answers differ in shape too: `no` fills its cell, `yes` is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from vfioguard.attach import Attach
from vfioguard.page.answers import NOT_ATTACHABLE, SHOWN
from vfioguard.page.places import Cell
from vfioguard.typed import NamedTuple

#: Units from one cell to the next.
PITCH = 8


class Shape(NamedTuple):
    """How a cell looks: where it begins in its square, how long and how high it is."""

    begin: float
    length: float
    height: float


SHAPES = {
    SHOWN[Attach.NO].key: Shape(0, 7, 7),
    SHOWN[Attach.UNKNOWN].key: Shape(2, 3, 7),
    SHOWN[Attach.BY_OVERRIDE].key: Shape(0, 7, 3),
    SHOWN[Attach.YES].key: Shape(1.5, 4, 4),
    NOT_ATTACHABLE: Shape(2.5, 2, 2),
}


def style() -> str:
    """The rules that cut the lines into cells."""
    return "".join(
        f".c-{key}{{stroke-width:{_short(shape.height)};"
        f"stroke-dasharray:{_short(shape.length)} {_short(PITCH - shape.length)}}}"
        for key, shape in SHAPES.items()
    )


def paths(cells: Sequence[Cell], columns: int, left: int = 0, top: int = 0) -> dict[str, str]:
    """The path data of each answer, with `columns` cells in a row; `left` and `top` are its corner.

    Answers that no cell has are left out.
    """
    drawn: dict[str, list[str]] = {}
    for key, first, last in _runs(cells, columns):
        drawn.setdefault(key, []).append(run(key, first, last, columns, left, top))
    return {key: "".join(drawn[key]) for key in SHAPES if key in drawn}


def run(key: str, first: int, last: int, columns: int, left: int = 0, top: int = 0) -> str:  # noqa: PLR0913, PLR0917 - places in a grid
    """The path data of the cells from `first` to `last`, which are in one row."""
    shape = SHAPES[key]
    row, column = divmod(first, columns)
    x = left + column * PITCH + shape.begin
    y = top + row * PITCH + PITCH / 2
    return f"M{_short(x)} {_short(y)}h{_short((last - first) * PITCH + shape.length)}"


def _runs(cells: Sequence[Cell], columns: int) -> Iterator[tuple[str, int, int]]:
    numbered = enumerate(cells)
    for (_, key), same in groupby(numbered, lambda item: (item[0] // columns, item[1].shown.key)):
        places = [place for place, _ in same]
        yield key, places[0], places[-1]


def rows(cells: Sequence[object], columns: int) -> int:
    """How many rows the cells fill."""
    return -(-len(cells) // columns)


def _short(value: float) -> str:
    return f"{value:g}"
