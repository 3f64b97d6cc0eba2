"""One file per firmware table: a parser that turns the table's bytes into values.

A parser also says where the bytes stop making sense. Nothing here reads a file or follows a
reference. A leaf holds its parser as `TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.acpi.structure.layout import BadTable, Layout, TableReader, Unknown
from vfioguard.acpi.structure.sdt import SIZE, Header, begin, header
from vfioguard.leaves import load, names
from vfioguard.typed import Generic, NamedTuple, TypeAlias, TypeVar

__all__ = ["BadTable", "Header", "Parsed", "Table", "Unknown", "leaves", "parsed", "table"]

T = TypeVar("T")
F = TypeVar("F")
T_co = TypeVar("T_co", covariant=True)


class Parsed(NamedTuple, Generic[T_co]):
    """What a parser could read of a table, and `broken`: the first thing that is wrong with it.

    `table` is None only if the fixed part of the table is cut, or if the bytes are another table.
    Then `broken` says which. `broken` is None if the whole table makes sense.
    """

    table: T_co | None
    broken: BadTable | None


class Table(NamedTuple):
    """A kind of table: its signature, which is its file's name in /sys/firmware/acpi/tables."""

    signature: str
    parse: Callable[[bytes], Parsed[object]]


Body: TypeAlias = Callable[[TableReader, Header, F], T]


def parsed(data: bytes, signature: str, fixed: Layout[F], body: Body[F, T]) -> Parsed[T]:
    """Read the header and the fixed part that follows it, and let `body` parse the rest."""
    try:
        head = header(data)
        reader = begin(data, head, signature, SIZE + fixed.least)
        fields = fixed.read(data, SIZE, reader.end)
    except BadTable as bad:
        return Parsed(None, bad)
    return Parsed(body(reader, head, fields), reader.broken)


def leaves() -> tuple[str, ...]:
    """The names of the leaves, sorted; no leaf is imported."""
    return names(__name__)


def table(leaf: str) -> Table:
    """The `TABLE` of one leaf. Raises TypeError if it is not a Table."""
    return load(__name__, leaf, "TABLE", Table)
