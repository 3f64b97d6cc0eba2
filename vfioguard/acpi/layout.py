"""The one way in which a structure of a table becomes a value: fields in the order of the bytes.

A structure is a NamedTuple whose annotations are widths (`U8` ... `U64`, `Text8`, `Bytes3`), all
little-endian and packed (ACPI 6.5 5.2). Offsets follow from the order, so that a declaration reads
as the specification's table does. Three kinds of field need no bytes of their own: `offset`, which
comes first where a structure says where it stood; and what stands after the last width, which the
table's own parser provides (scopes, mappings).

Firmware is not believed: every read is inside the bytes that there are, every structure costs one
of a table's `MOST`, and the first thing that was wrong is noted beside what could be read.
"""

# Not `from __future__ import annotations`: the widths are read at run time.

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from struct import Struct
from typing import Annotated, Generic, NamedTuple, TypeAlias, TypeVar, cast

from vfioguard.fact import Malformed

U8: TypeAlias = Annotated[int, "B"]
U16: TypeAlias = Annotated[int, "H"]
U32: TypeAlias = Annotated[int, "I"]
U64: TypeAlias = Annotated[int, "Q"]
#: Fields at the end of a structure that its older revisions do not have.
Later8: TypeAlias = Annotated[int | None, "B"]
Later16: TypeAlias = Annotated[int | None, "H"]
Later32: TypeAlias = Annotated[int | None, "I"]
Later64: TypeAlias = Annotated[int | None, "Q"]
Bytes1: TypeAlias = Annotated[bytes, "1s"]
Bytes3: TypeAlias = Annotated[bytes, "3s"]
Bytes6: TypeAlias = Annotated[bytes, "6s"]
Bytes8: TypeAlias = Annotated[bytes, "8s"]
Bytes10: TypeAlias = Annotated[bytes, "10s"]
Text4: TypeAlias = Annotated[str, "4s"]
Text6: TypeAlias = Annotated[str, "6s"]
Text8: TypeAlias = Annotated[str, "8s"]

#: Structures of one table, scopes and mappings included, before the rest is given up: twice the
#: processors that Linux can have at most (NR_CPUS 8192), a processor and its NMI each. What has
#: many fields counts as several.
MOST = 16384

#: Type, offset and end of a structure.
Found: TypeAlias = tuple[int, int, int]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class BadTable(Malformed):
    """What is wrong with a table, and at which offset of it."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(f"offset {offset}: {why}")
        self.offset = offset
        self.why = why

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BadTable) and (self.offset, self.why) == (other.offset, other.why)

    def __hash__(self) -> int:
        return hash((self.offset, self.why))

    def __reduce__(self) -> tuple[type["BadTable"], tuple[int, str]]:
        return BadTable, (self.offset, self.why)


class Unknown(NamedTuple):
    """A structure that nobody here knows, or one too short for what it says it is: all of it."""

    offset: int
    type: int
    raw: bytes


_SHOWN = bytes(c if 32 <= c < 127 else 32 for c in range(256))


def text(raw: bytes) -> str:
    """The characters before the first NUL; what cannot be printed is a space, as iasl has it."""
    return raw.partition(b"\0")[0].translate(_SHOWN).decode("ascii")


class Layout(Generic[T_co]):
    """How the bytes of one structure become a value."""

    __slots__ = (
        "_cuts",
        "_located",
        "_make",
        "_texts",
        "_whole",
        "least",
        "name",
        "size",
        "weight",
    )

    def __init__(self, value: type[T_co]) -> None:
        fields = cast("dict[str, object]", value.__annotations__)
        self.name = value.__name__
        self._located = next(iter(fields)) == "offset"
        codes: list[str] = []
        later: list[int] = []
        texts: list[int] = []
        for hint in fields.values():
            metadata: tuple[str, ...] = getattr(hint, "__metadata__", ())
            if not metadata:
                continue
            origin: object = getattr(hint, "__origin__", None)
            if origin is str:
                texts.append(len(codes))
            elif not isinstance(origin, type):
                later.append(len(codes))
            codes.append(metadata[0])
        forms = [Struct("<" + "".join(codes[:n])) for n in (*later, len(codes))]
        self._whole = forms[-1]
        self._cuts = [(form, len(codes) - n) for form, n in zip(forms, later, strict=False)][::-1]
        self._texts = tuple(texts)
        # What the class itself does, half the price of its _make(): it does not count, so that
        # whoever reads must hand over everything that has no width.
        new: Callable[..., T_co] = getattr(tuple, "__new__")  # noqa: B009 - it is untyped
        self._make: Callable[[Iterable[object]], T_co] = partial(new, value)
        self.size, self.least = forms[-1].size, forms[0].size
        self.weight = 1 + len(fields) // 8

    def read(self, data: bytes, offset: int, stop: int, *rest: object) -> T_co:
        """The structure at `offset`, of which the bytes before `stop` may be used, or BadTable."""
        room = min(stop, len(data)) - offset
        if offset < 0 or room < self.least:
            raise BadTable(offset, f"{self.name} needs {self.least} bytes and has {max(room, 0)}")
        if room >= self.size and not self._texts:
            fields = self._whole.unpack_from(data, offset)
        else:
            fields = self._some(data, offset, room)
        return self._make((offset, *fields, *rest) if self._located else (*fields, *rest))

    def _some(self, data: bytes, offset: int, room: int) -> tuple[object, ...]:
        """The fields where some of them are text or missing."""
        form, missing = self._whole, 0
        if room < self.size:
            form, missing = next(cut for cut in self._cuts if cut[0].size <= room)
        fields: list[object] = [*form.unpack_from(data, offset), *[None] * missing]
        for index in self._texts:
            fields[index] = text(cast("bytes", fields[index]))
        return tuple(fields)

    def many(self, data: bytes, offset: int, count: int) -> tuple[T_co, ...]:
        """So many located structures without later fields or text, one after another."""
        stop = offset + count * self.size
        places = range(offset, stop, self.size)
        pieces = self._whole.iter_unpack(data[offset:stop])
        make = self._make
        return tuple([make((at, *piece)) for at, piece in zip(places, pieces, strict=True)])


class Reader:
    """The bytes of one table that count, the first thing wrong with them, and the work left."""

    __slots__ = ("broken", "data", "end", "left")

    def __init__(self, data: bytes, end: int, broken: BadTable | None = None) -> None:
        self.data = data
        self.end = end
        self.broken = broken
        self.left = MOST

    def note(self, offset: int, why: str) -> None:
        """Remember what is wrong; what was found first counts."""
        self.broken = self.broken or BadTable(offset, why)

    def spend(self, offset: int, count: int = 1) -> int:
        """How many of the next `count` structures may still be made."""
        if count > self.left:
            self.note(offset, f"more than {MOST} structures")
            count = max(self.left, 0)
        self.left -= count
        return count

    def count(self, offset: int, stop: int, wanted: int, size: int) -> int:
        """How many of `wanted` structures of `size` bytes are before `stop` and may be made."""
        there = max(min(stop, self.end) - offset, 0) // size
        if wanted > there:
            self.note(offset, f"{wanted} times {size} bytes are announced and {there} fit")
            wanted = there
        return self.spend(offset, wanted)

    def walk(self, start: int, stop: int, head: Struct, what: str) -> Iterator[Found]:
        """Type, offset and end of each structure in a list; `head` unpacks (type, length).

        One that runs past the list is the last, and ends where the list ends. Without a length
        there is no next one.
        """
        stop = min(stop, self.end)
        while start < stop and self.spend(start):
            if stop - start < head.size:
                self.note(start, f"{stop - start} bytes are no {what}")
                return
            kind, length = head.unpack_from(self.data, start)
            if length < head.size:
                self.note(start, f"the length of this {what} is {length}")
                return
            end = start + length
            if end > stop:
                self.note(start, f"this {what} has {length} bytes, {stop - start} are there")
                end = stop
            yield kind, start, end
            start = end

    def nodes(self, start: int, count: int, least: int, head: Struct) -> Iterator[Found]:
        """The `count` nodes at `start`, which must be behind the `least` bytes of the fixed part.

        What follows the last node that is counted is none, as the kernel has it.
        """
        if not count:
            return
        if start < least:
            self.note(start, f"the nodes begin inside the first {least} bytes")
            return
        found = 0
        for found, node in enumerate(self.walk(start, self.end, head, "node"), 1):
            yield node
            if found == count:
                return
        if found < count:
            self.note(self.end, f"{count} nodes are announced and {found} fit")

    def unknown(self, kind: int, start: int, stop: int) -> Unknown:
        """All of a structure, as it stood."""
        return Unknown(start, kind, self.data[start:stop])

    def one(
        self, layout: Layout[T], kind: int, start: int, stop: int, *rest: object
    ) -> T | Unknown:
        """The structure, or `Unknown` and a note where it is too short to be one."""
        self.left -= layout.weight - 1
        try:
            return layout.read(self.data, start, stop, *rest)
        except BadTable as bad:
            self.note(bad.offset, bad.why)
            return self.unknown(kind, start, stop)
