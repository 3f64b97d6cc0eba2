"""The tables as lines: one for each thing that somebody may look for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from vfioguard.acpi import Header, Unknown
from vfioguard.acpi import dmar as _dmar
from vfioguard.acpi import iort as _iort
from vfioguard.acpi import ivrs as _ivrs
from vfioguard.acpi import madt as _madt
from vfioguard.acpi import mcfg as _mcfg
from vfioguard.acpi import viot as _viot
from vfioguard.acpi.parts import iort_bodies
from vfioguard.acpi.parts.ivrs_entries import Special
from vfioguard.acpi.parts.madt_arm import Gicd, GicIts, GicMsiFrame
from vfioguard.output.firmware.others import mcfg_lines, viot_lines

#: Lines about memory that firmware keeps for devices begin so.
MEMORY = "memory "

_SCOPES = {1: "", 2: "below ", 3: "IO-APIC ", 4: "HPET ", 5: "ACPI device "}
_VARIETIES = {1: "IO-APIC", 2: "HPET"}
_DMAR_FLAGS = ("INTR_REMAP", "X2APIC_OPT_OUT", "DMA_CTRL_PLATFORM_OPT_IN", "DMAR_REMAP_OPT_OUT")


def lines(table: object) -> list[str]:
    """The lines of a decoded table, its title first."""
    match table:
        case _dmar.Dmar():
            flags = [name for bit, name in enumerate(_DMAR_FLAGS) if table.flags >> bit & 1]
            return [_title(table.header, *(flags or ["no flag"])), *map(_unit, table.units)]
        case _ivrs.Ivrs():
            return [_title(table.header), *_blocks(table)]
        case _madt.Madt():
            return _controllers(table)
        case _iort.Iort():
            nodes = table.by_offset()
            node_lines = [line for node in table.nodes for line in _node(node, nodes)]
            return [_title(table.header, f"{table.node_count} nodes"), *node_lines]
        case _viot.Viot():
            return [_title(table.header, f"{table.node_count} nodes"), *viot_lines(table)]
        case _mcfg.Mcfg():
            return [_title(table.header), *mcfg_lines(table)]
        case _:
            header: Header = getattr(table, "header")  # noqa: B009 - every table has one
            parts: Iterable[object] = getattr(table, "nodes", ())
            return [_title(header, *_count(type(part).__name__ for part in parts))]


def _title(header: Header, *more: str) -> str:
    checksum = () if header.checksum_ok else ("wrong checksum",)
    vendor = f"{header.oem_id.strip()} {header.oem_table_id.strip()}".strip()
    return ", ".join((f"revision {header.revision}", vendor, *checksum, *more))


def _count(kinds: Iterable[str]) -> list[str]:
    return [f"{count} {kind}" for kind, count in Counter(kinds).items()]


def _unit(unit: _dmar.Unit) -> str:
    scopes = ", ".join(map(_scope, getattr(unit, "scopes", ()))) or "nothing"
    match unit:
        case _dmar.Drhd():
            others = " and all else" if unit.include_all else ""
            return f"unit at {unit.base:#x}, segment {unit.segment}: {scopes}{others}"
        case _dmar.Rmrr():
            return f"{MEMORY}{_span(unit.base, unit.limit)} (RMRR): {scopes}"
        case _dmar.Andd():
            return f"ACPI device {unit.device_number} is {unit.name}"
        case _dmar.Rhsa():
            return f"unit at {unit.base:#x} is in proximity domain {unit.proximity_domain}"
        case Unknown():
            return f"unknown structure of type {unit.type}, {len(unit.raw)} bytes"
        case _:
            return f"{type(unit).__name__.upper()}, segment {unit.segment}: {scopes}"


def _scope(scope: _dmar.Scope | Unknown) -> str:
    if isinstance(scope, Unknown):
        return "unknown"
    if scope.type in {3, 4, 5}:
        return f"{_SCOPES[scope.type]}{scope.enumeration_id}"
    path = "/".join(f"{device:02x}.{function:x}" for device, function in scope.path)
    return f"{_SCOPES.get(scope.type, f'type {scope.type} ')}{scope.start_bus:02x}:{path}"


def _blocks(table: _ivrs.Ivrs) -> Iterator[str]:
    used = _ivrs.kernel_ivhd_type(table.blocks)
    for block in table.blocks:
        match block:
            case _ivrs.Ivhd():
                mark = "" if block.type == used else " (not used)"
                place = _place(block.device_id)
                yield f"IOMMU {place} at {block.base:#x}, type {block.type:x}h{mark}"
                if block.type == used:
                    yield from map(_special, (e for e in block.entries if isinstance(e, Special)))
            case _ivrs.Ivmd():
                last = block.start + max(block.memory_length, 1) - 1
                yield f"{MEMORY}{_span(block.start, last)} (IVMD): {_ivmd(block)}"
            case _:
                yield f"unknown block of type {block.type:x}h, {len(block.raw)} bytes"


def _special(entry: Special) -> str:
    variety = _VARIETIES.get(entry.variety, f"variety {entry.variety}")
    return f"{variety} {entry.handle} is {_place(entry.source_device_id)}"


def _ivmd(block: _ivrs.Ivmd) -> str:
    first, last = _place(block.device_id), _place(block.auxiliary)
    devices = {0x20: "all devices", 0x21: first}.get(block.type, f"{first} to {last}")
    flags = ("unity", "readable", "writable", "exclusion")
    return ", ".join((devices, *(flag for flag in flags if getattr(block, flag))))


def _controllers(table: _madt.Madt) -> list[str]:
    """A line for each controller; entries of other kinds are only counted, in the title."""
    shown: list[str] = []
    counted: list[str] = []
    for entry in table.entries:
        match entry:
            case _madt.IoApic():
                shown.append(f"IO-APIC {entry.io_apic_id} at {entry.address:#x}")
            case GicIts():
                shown.append(f"ITS {entry.translation_id} at {entry.base:#x}")
            case GicMsiFrame():
                shown.append(f"GICv2m frame {entry.frame_id} at {entry.base:#x}")
            case Gicd():
                shown.append(f"GIC distributor at {entry.base:#x}, version {entry.version}")
            case Unknown():
                counted.append(f"unknown type {entry.type:#x}")
            case _:
                counted.append(type(entry).__name__)
    return [_title(table.header, *_count(counted)), *shown]


def _node(node: _iort.IortNode, nodes: dict[int, _iort.Node]) -> Iterator[str]:
    if isinstance(node, Unknown):
        yield f"unknown node of type {node.type}, {len(node.raw)} bytes"
        return
    if isinstance(node.body, iort_bodies.Rmr):
        devices = ", ".join(_mapping(mapping, nodes, ids="id") for mapping in node.mappings)
        for memory in node.body.ranges:
            span = _span(memory.base, memory.base + max(memory.length, 1) - 1)
            yield f"{MEMORY}{span} (RMR): {devices or 'no device'}"
        return
    ways = "; ".join(_mapping(mapping, nodes, ids="ids") for mapping in node.mappings)
    yield f"{_named(node)}{': ' if ways else ''}{ways}"


def _mapping(mapping: _iort.Mapping, nodes: dict[int, _iort.Node], ids: str) -> str:
    target = nodes.get(mapping.output_reference)
    target_name = "nothing" if target is None else _named(target)
    if mapping.single or ids == "id":
        return (
            f"{ids} {mapping.output_base:#x} of {target_name}"
            if ids == "id"
            else f"all to {target_name}"
        )
    return f"{ids} {mapping.input_base:#x}-{mapping.last:#x} to {target_name}"


def _named(node: _iort.Node) -> str:
    body = node.body
    match body:
        case iort_bodies.ItsGroup():
            return f"ITS group ({', '.join(map(str, body.its_ids))})"
        case iort_bodies.RootComplex():
            return f"root complex of segment {body.segment}"
        case iort_bodies.NamedComponent():
            return body.name
        case iort_bodies.Smmu() | iort_bodies.SmmuV3():
            version = "v3" if isinstance(body, iort_bodies.SmmuV3) else ""
            return f"SMMU{version} at {body.base:#x}"
        case _:
            return f"{type(body).__name__}, type {node.type}"


def _span(first: int, last: int) -> str:
    return f"{first:#x}-{last:#x}"


def _place(device: int) -> str:
    return f"{device >> 8:02x}:{device >> 3 & 31:02x}.{device & 7:x}"
