"""The values of a device tree's properties (Devicetree Specification 0.4, 2.2.4).

Each parser raises Malformed if the bytes are not such a value.
"""

from __future__ import annotations

import struct

from vfioguard.fact import Malformed


def strings(raw: bytes) -> tuple[str, ...]:
    """A list of strings, each ended by a NUL."""
    try:
        parts = tuple(part.decode("ascii") for part in raw.rstrip(b"\0").split(b"\0"))
    except UnicodeDecodeError as error:
        raise Malformed(f"not strings: {raw[:32]!r}") from error
    if not all(map(str.isprintable, parts)):
        raise Malformed(f"not strings: {raw[:32]!r}")
    return parts


def all_cells(raw: bytes) -> tuple[int, ...]:
    """32-bit big-endian cells."""
    if len(raw) % 4:
        raise Malformed(f"{len(raw)} bytes are no cells")
    return struct.unpack(f">{len(raw) // 4}I", raw)


def cell(raw: bytes) -> int:
    """One cell."""
    values = all_cells(raw)
    if len(values) != 1:
        raise Malformed(f"{len(values)} cells, not one")
    return values[0]


def first_cell(raw: bytes) -> int:
    """The first cell, as of_property_read_u32() reads it: further cells do not count."""
    return cell(raw[:4])


def iommu_map(raw: bytes) -> tuple[int, ...]:
    """The cells of an iommu-map. An empty one is malformed: its recorder did not read it."""
    if not raw:
        raise Malformed("an empty iommu-map")
    return all_cells(raw)
