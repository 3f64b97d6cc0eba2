"""Where each group stands on the map: its IOMMU unit, its bus, its place among the bus's groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vfioguard.device_facts import DeviceFacts
from vfioguard.page.answers import Shown, shown
from vfioguard.report import GroupReport, Report
from vfioguard.typed import NamedTuple

#: What stands where the unit is not known.
NO_UNIT = ""
#: If a host has more buses than these, those with fewer groups than `_FEW` share a place.
_BUSES, _FEW = 96, 8


_PCI = re.compile(r"[0-9a-f]{4,}(:|$)")


class Cell(NamedTuple):
    """A group on the map. `name` is its first member without the bus, or ""."""

    group: int
    name: str
    shown: Shown


class Bus(NamedTuple):
    """The groups whose first member is on this bus.

    It is "0000:41", "0000" for buses that share a place, or the bus's own name ("platform").
    """

    name: str
    cells: tuple[Cell, ...]


class Unit(NamedTuple):
    """An IOMMU ("dmar0") and its buses. `name` is `NO_UNIT` if none is known."""

    name: str
    buses: tuple[Bus, ...]

    @property
    def groups(self) -> int:
        """How many groups are behind it."""
        return sum(len(bus.cells) for bus in self.buses)


def units(report: Report, facts: Mapping[str, DeviceFacts]) -> tuple[Unit, ...]:
    """All groups by unit and bus, sorted by their names."""
    sorted_in: dict[str, dict[str, list[Cell]]] = {}
    for group in report.groups:
        unit = _unit(group, facts)
        bus, name = place(group)
        cell = Cell(group.id, name, shown(group))
        sorted_in.setdefault(unit, {}).setdefault(bus, []).append(cell)
    if sum(map(len, sorted_in.values())) > _BUSES:
        sorted_in = {unit: _joined(buses) for unit, buses in sorted_in.items()}
    return tuple(
        Unit(unit, tuple(_bus(name, cells) for name, cells in sorted(buses.items(), key=_order)))
        for unit, buses in sorted(sorted_in.items(), key=lambda item: _natural(item[0]))
    )


def place(group: GroupReport) -> tuple[str, str]:
    """The bus of a group and the rest of its first member's name."""
    if not group.devices:
        return "no device", ""
    first = min(group.devices, key=lambda device: (device.bus != "pci", device.name))
    if first.bus == "pci" and first.name.count(":") == 2:
        bus, _, name = first.name.rpartition(":")
        return bus, name
    return first.bus or "unknown bus", first.name


def _joined(buses: Mapping[str, list[Cell]]) -> dict[str, list[Cell]]:
    """The buses, those of few groups as one for each PCI domain."""
    joined: dict[str, list[Cell]] = {}
    for name, cells in buses.items():
        domain, colon, bus = name.rpartition(":")
        if colon and len(cells) < _FEW:
            named = [cell._replace(name=f"{bus}:{cell.name}") for cell in cells]
            joined.setdefault(domain, []).extend(named)
        else:
            joined[name] = cells
    return joined


def _bus(name: str, cells: Iterable[Cell]) -> Bus:
    return Bus(name, tuple(sorted(cells, key=lambda cell: (cell.name, cell.group))))


def _order(item: tuple[str, list[Cell]]) -> tuple[bool, str]:
    return not _PCI.match(item[0]), item[0]  # buses of PCI first


def _unit(group: GroupReport, facts: Mapping[str, DeviceFacts]) -> str:
    for device in group.devices:
        own = facts.get(device.name)
        if own is not None and own.iommu:
            return own.iommu
    return NO_UNIT


def _natural(name: str) -> tuple[bool, str, int]:
    """Dmar2 before dmar10, and what has no unit last."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    return not name, stem, int(digits) if digits else -1
