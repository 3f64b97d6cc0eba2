"""One file per firmware table: bytes in; what they say, and where they stop making sense, out.

Nothing here reads a file or follows a reference. A leaf holds its parser as `TABLE`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from vfioguard.acpi.layout import BadTable, Layout, Reader, Unknown
from vfioguard.acpi.sdt import SIZE, Header, begin, header

__all__ = ["BadTable", "Header", "Parsed", "Table", "Unknown", "leaves", "parsed", "table"]

T = TypeVar("T")
F = TypeVar("F")
T_co = TypeVar("T_co", covariant=True)


class Parsed(NamedTuple, Generic[T_co]):
    """What stood before the break, and the break.

    `table` is None only where not even the fixed part of the table is there, or where the bytes
    are another table; then `broken` says so.
    """

    table: T_co | None
    broken: BadTable | None


class Table(NamedTuple):
    """A kind of table: its signature, which is its file's name in /sys/firmware/acpi/tables."""

    signature: str
    parse: Callable[[bytes], Parsed[object]]


Body: TypeAlias = Callable[[Reader, Header, F], T]


def parsed(data: bytes, signature: str, fixed: Layout[F], body: Body[F, T]) -> Parsed[T]:
    """Read the header and the fixed part that follows it, then what `body` makes of the rest."""
    try:
        head = header(data)
        reader = begin(data, head, signature, SIZE + fixed.least)
        fields = fixed.read(data, SIZE, reader.end)
    except BadTable as bad:
        return Parsed(None, bad)
    return Parsed(body(reader, head, fields), reader.broken)


#: The modules of this room that are not tables.
_OTHERS = frozenset({"dump", "layout", "sdt"})


def leaves() -> tuple[str, ...]:
    """The names of the leaves, sorted, without importing them."""
    files = os.listdir(os.path.dirname(__file__))
    names = (name[:-3] for name in files if name.endswith(".py") and not name.startswith("_"))
    return tuple(sorted(name for name in names if name not in _OTHERS))


def table(leaf: str) -> Table:
    """The `TABLE` of one leaf."""
    value: object = import_module(f"{__name__}.{leaf}").TABLE
    if not isinstance(value, Table):
        raise TypeError(f"{leaf}.TABLE is not a Table")
    return value
