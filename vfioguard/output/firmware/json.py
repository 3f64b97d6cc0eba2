"""Decoded tables as JSON: every field under its own name, numbers as they are, bytes as hex."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from vfioguard.fact import Gap
from vfioguard.inference.firmware.of_host import Decoded, Firmware
from vfioguard.inference.memory.region import Memory
from vfioguard.inference.memory.reserved import ReservedMemory
from vfioguard.report import SCHEMA_VERSION

if TYPE_CHECKING:
    from vfioguard.inference.remapping.parts import Possible

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"


def firmware_json(firmware: Firmware) -> dict[str, Json]:
    """The sentence first, then every table."""
    return {
        "schema_version": SCHEMA_VERSION,
        "sentence": firmware.sentence,
        "interrupt_remapping": _possible(firmware.remapping),
        "memory": None if firmware.memory is None else _memories(firmware.memory),
        "tables": [_table(decoded) for decoded in firmware.tables],
    }


def _memories(kept: ReservedMemory) -> Json:
    return {
        "regions": [_memory(memory) for memory in kept.memory],
        "gaps": [_gap(gap) for gap in kept.gaps],
    }


def _memory(memory: Memory) -> Json:
    holders: list[Json] = [dict(holder._asdict()) for holder in memory.holders]
    return {
        "kind": memory.kind,
        "start": memory.start,
        "end": memory.end,
        "path": memory.source,
        "offset": memory.offset,
        "devices": holders,
        "unresolved": [gap.detail for gap in memory.gaps],
    }


def _gap(gap: Gap) -> Json:
    return {"path": gap.source, "why": str(gap.why), "errno": gap.errno, "detail": gap.detail}


def _possible(possible: Possible | None) -> Json:
    if possible is None:
        return None
    return {
        "possible": possible.possible,
        "reasons": list(possible.reasons),
        "missing_io_apics": list(possible.missing),
    }


def _table(decoded: Decoded) -> Json:
    broken: Json = None
    if decoded.broken is not None:
        broken = {"offset": decoded.broken.offset, "why": decoded.broken.why}
    gap = decoded.gap
    return {
        "signature": decoded.signature,
        "path": decoded.source,
        "state": decoded.state,
        "errno": None if gap is None else gap.errno,
        "detail": None if gap is None else gap.detail,
        "broken": broken,
        "lost_references": [dict(lost._asdict()) for lost in decoded.lost],
        "table": None if decoded.table is None else value_json(decoded.table),
    }


def value_json(value: object) -> Json:
    """A structure with its kind, or one of its fields."""
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    assert isinstance(value, tuple), f"no field of a table: {value!r}"
    parts = cast("tuple[object, ...]", value)
    names: tuple[str, ...] | None = getattr(parts, "_fields", None)
    if names is None:
        return [value_json(part) for part in parts]
    shown: dict[str, Json] = {"kind": type(parts).__name__}
    shown.update(zip(names, map(value_json, parts), strict=True))
    return shown
