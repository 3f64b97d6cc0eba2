"""How the bytes of a structure become a value: a NamedTuple lists the fields in their order.

The annotations are widths (`U8` ... `U64`, `Text8`, `Bytes3`), all little-endian and packed (ACPI
6.5 5.2). Offsets follow from the order, so a declaration reads like the specification's table.
Two kinds of field have no width. One is `offset`, the first field of a structure that knows where
it stood. The others follow the last width, and the table's parser provides them (scopes, mappings).

Firmware is not believed. Every read stays inside the bytes. Every structure costs one of a table's
`MOST`. The first thing that is wrong is noted beside what could be read.
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

#: Structures of one table, scopes and mappings included, before the rest is given up. A processor
#: and its NMI are two structures, and Linux can have 8192 processors (NR_CPUS). A structure with
#: many fields counts as several.
MOST = 16384

#: Type, start and end of a structure, as offsets in the table.
Extent: TypeAlias = tuple[int, int, int]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class BadTable(Malformed):
    """What is wrong with a table (`why`), and at which `offset` in it."""

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
    """All bytes of a structure whose type is not known here, or that is too short for its type."""

    offset: int
    type: int
    raw: bytes


_SHOWN = bytes(c if 32 <= c < 127 else 32 for c in range(256))


def text(raw: bytes) -> str:
    """The characters before the first NUL. Unprintable ones become spaces, as in iasl's output."""
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
        # The class's own __new__, at half the price of its _make(). It does not count the fields,
        # so the caller of read() must pass every field that has no width.
        new: Callable[..., T_co] = getattr(tuple, "__new__")  # noqa: B009 - it is untyped
        self._make: Callable[[Iterable[object]], T_co] = partial(new, value)
        self.size, self.least = forms[-1].size, forms[0].size
        self.weight = 1 + len(fields) // 8

    def read(self, data: bytes, offset: int, stop: int, *rest: object) -> T_co:
        """The structure at `offset`, read from the bytes before `stop`.

        `rest` are the fields that have no width. Raises BadTable if the bytes are too few.
        """
        room = min(stop, len(data)) - offset
        if offset < 0 or room < self.least:
            raise BadTable(offset, f"{self.name} needs {self.least} bytes and has {max(room, 0)}")
        if room >= self.size and not self._texts:
            fields = self._whole.unpack_from(data, offset)
        else:
            fields = self._some(data, offset, room)
        return self._make((offset, *fields, *rest) if self._located else (*fields, *rest))

    def _some(self, data: bytes, offset: int, room: int) -> tuple[object, ...]:
        """The fields of a structure that holds text or lacks later fields."""
        form, missing = self._whole, 0
        if room < self.size:
            form, missing = next(cut for cut in self._cuts if cut[0].size <= room)
        fields: list[object] = [*form.unpack_from(data, offset), *[None] * missing]
        for index in self._texts:
            fields[index] = text(cast("bytes", fields[index]))
        return tuple(fields)

    def many(self, data: bytes, offset: int, count: int) -> tuple[T_co, ...]:
        """`count` structures in a row, each with an `offset` and without later fields or text."""
        stop = offset + count * self.size
        starts = range(offset, stop, self.size)
        rows = self._whole.iter_unpack(data[offset:stop])
        make = self._make
        return tuple([make((start, *fields)) for start, fields in zip(starts, rows, strict=True)])


class TableReader:
    """Reads the structures of one table.

    Bytes of `data` up to `end` count. `broken` is the first thing that is wrong. `left` is how many
    structures may still be made.
    """

    __slots__ = ("broken", "data", "end", "left")

    def __init__(self, data: bytes, end: int, broken: BadTable | None = None) -> None:
        self.data = data
        self.end = end
        self.broken = broken
        self.left = MOST

    def note(self, offset: int, why: str) -> None:
        """Remember what is wrong at `offset`, unless something was noted before."""
        self.broken = self.broken or BadTable(offset, why)

    def spend(self, offset: int, count: int = 1) -> int:
        """Take `count` structures from what is left. Returns how many of them may be made."""
        if count > self.left:
            self.note(offset, f"more than {MOST} structures")
            count = max(self.left, 0)
        self.left -= count
        return count

    def count(self, offset: int, stop: int, wanted: int, size: int) -> int:
        """How many of `wanted` structures of `size` bytes fit before `stop` and may be made."""
        there = max(min(stop, self.end) - offset, 0) // size
        if wanted > there:
            self.note(offset, f"{wanted} times {size} bytes are announced and {there} fit")
            wanted = there
        return self.spend(offset, wanted)

    def walk(self, start: int, stop: int, head: Struct, what: str) -> Iterator[Extent]:
        """Type, start and end of each structure in a list; `head` unpacks (type, length).

        A structure that runs past the list ends where the list ends, and is the last. A structure
        whose length is too small for its head ends the walk. `what` names a structure in a note.
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

    def nodes(self, start: int, count: int, least: int, head: Struct) -> Iterator[Extent]:
        """The `count` nodes from `start` on, which must be after the fixed part's `least` bytes.

        Bytes after the last of them are ignored, as the kernel ignores them.
        """
        if not count:
            return
        if start < least:
            self.note(start, f"the nodes begin inside the first {least} bytes")
            return
        fitting = 0
        for fitting, node in enumerate(self.walk(start, self.end, head, "node"), 1):
            yield node
            if fitting == count:
                return
        if fitting < count:
            self.note(self.end, f"{count} nodes are announced and {fitting} fit")

    def unknown(self, kind: int, start: int, stop: int) -> Unknown:
        """All bytes of a structure."""
        return Unknown(start, kind, self.data[start:stop])

    def structure(
        self, layout: Layout[T], kind: int, start: int, stop: int, *rest: object
    ) -> T | Unknown:
        """The structure at `start`. Returns `Unknown` and notes why if it is too short.

        `rest` are the fields that have no width.
        """
        self.left -= layout.weight - 1
        try:
            return layout.read(self.data, start, stop, *rest)
        except BadTable as bad:
            self.note(bad.offset, bad.why)
            return self.unknown(kind, start, stop)
