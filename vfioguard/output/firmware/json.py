"""Decoded tables as JSON: every field under its own name, numbers as they are, bytes as hex."""

from __future__ import annotations

from vfioguard.inference.firmware.of_host import Decoded, Firmware
from vfioguard.inference.memory.region import ReservedRegion
from vfioguard.inference.memory.reserved import ReservedMemory
from vfioguard.proof_json import gap_json
from vfioguard.report import SCHEMA_VERSION
from vfioguard.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vfioguard.inference.remapping.parts import Possible
    from vfioguard.json_shapes import firmware as shapes


def firmware_json(firmware: Firmware) -> shapes.Firmware:
    """The sentence first, then every table."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "sentence": firmware.sentence,
        "interrupt_remapping": _remapping(firmware.remapping),
        "memory": None if firmware.memory is None else _memory(firmware.memory),
        "tables": [_table(table) for table in firmware.tables],
    }


def _memory(reserved: ReservedMemory) -> shapes.Memory:
    return {
        "regions": [_region(region) for region in reserved.memory],
        "gaps": [gap_json(gap) for gap in reserved.gaps],
    }


def _region(region: ReservedRegion) -> shapes.MemoryRegion:
    return {
        "kind": region.kind,
        "start": region.start,
        "end": region.end,
        "path": region.source,
        "offset": region.offset,
        "devices": [
            {
                "device": holder.device,
                "group": holder.group,
                "relaxable": holder.relaxable,
                "shown": holder.shown,
            }
            for holder in region.holders
        ],
        "unresolved": [gap.detail for gap in region.gaps],
    }


def _remapping(remapping: Possible | None) -> shapes.Remapping | None:
    if remapping is None:
        return None
    return {
        "possible": remapping.possible,
        "reasons": list(remapping.reasons),
        "missing_io_apics": list(remapping.missing),
    }


def _table(table: Decoded) -> shapes.Table:
    broken, gap = table.broken, table.gap
    return {
        "signature": table.signature,
        "path": table.source,
        "state": table.state,
        "errno": None if gap is None else gap.errno,
        "detail": None if gap is None else gap.detail,
        "broken": None if broken is None else {"offset": broken.offset, "why": broken.why},
        "lost_references": [
            {"offset": lost.offset, "reference": lost.reference} for lost in table.lost
        ],
        "table": None if table.table is None else _structure(table.table),
    }


def _structure(structure: object) -> dict[str, object]:
    """A table or a structure in it: its kind, and its fields by their names."""
    assert isinstance(structure, tuple), f"not a structure: {structure!r}"
    values = cast("tuple[object, ...]", structure)
    names: tuple[str, ...] = getattr(values, "_fields", ())
    shown: dict[str, object] = {"kind": type(values).__name__}
    shown.update(zip(names, map(_value, values), strict=True))
    return shown


def _value(value: object) -> object:
    """One field of a structure."""
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_fields"):
        return _structure(value)
    assert isinstance(value, tuple), f"no field of a table: {value!r}"
    return [_value(part) for part in cast("tuple[object, ...]", value)]
