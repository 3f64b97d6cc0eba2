"""Where the names of a report's devices lead. Each table is made once, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from vfioguard.report import GroupReport, Report, UngroupedDevice
from vfioguard.typed import TypeAlias

#: A device: the number of its group, or None if it is in none, and its name.
Function: TypeAlias = tuple[int | None, str]


class Places:
    """The devices of a report by name and id, and those on a VFIO driver by their nodes.

    A device that is in a group goes before another of its name that is in none.
    """

    def __init__(self, report: Report) -> None:
        self._groups: Iterable[GroupReport] = report.groups
        self._lone = report.ungrouped

    @cached_property
    def group_of(self) -> Mapping[str, int]:
        """The number of the group that each device is in, by the device's name."""
        return {device.name: group.id for group in self._groups for device in group.devices}

    @cached_property
    def ungrouped(self) -> Mapping[str, UngroupedDevice]:
        """The devices that are in no group."""
        return {device.name: device for device in self._lone}

    @cached_property
    def with_id(self) -> Mapping[str, tuple[Function, ...]]:
        """The functions of each id ("8086:10d3"), by name."""
        functions: dict[str, list[Function]] = {}
        for group in self._groups:
            for device in group.devices:
                if device.pci_id is not None:
                    functions.setdefault(device.pci_id, []).append((group.id, device.name))
        for lone in self._lone:
            if lone.pci_id is not None and lone.name not in self.group_of:
                functions.setdefault(lone.pci_id, []).append((None, lone.name))
        return {
            key: tuple(sorted(those, key=lambda each: each[1])) for key, those in functions.items()
        }

    @cached_property
    def nodes(self) -> Mapping[str, str]:
        """The device of each node below /dev/vfio/devices."""
        return dict(_nodes(self._groups))

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """What stands before the first colon of a name."""
        return tuple(dict.fromkeys([name.partition(":")[0] for name in self.ordered]))

    @cached_property
    def ordered(self) -> tuple[str, ...]:
        """The names of all devices, sorted."""
        return tuple(sorted({*self.group_of, *self.ungrouped}))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """All ids, sorted."""
        return tuple(sorted(self.with_id))

    def __contains__(self, name: str) -> bool:
        return name in self.group_of or name in self.ungrouped

    def prepare(self) -> Places:
        """Make all tables now, so that no question has to wait for one."""
        _ = self.ungrouped, self.ordered, self.with_id, self.nodes, self.domains, self.ids
        return self

    def after(self, report: Report, changed: Iterable[tuple[GroupReport, GroupReport]]) -> Places:
        """The places of a later report in which no device is in another group or has another id.

        `changed` are the groups that differ, as they were and as they are. What is the same is not
        made again.
        """
        later = Places(report)
        # A cached property is kept in the object's own dictionary.
        for name in ("group_of", "with_id", "domains", "ordered", "ids"):
            later.__dict__[name] = getattr(self, name)
        nodes, pairs = self.nodes, list(changed)
        gone = dict(_nodes([old for old, _ in pairs]))
        new = dict(_nodes([now for _, now in pairs]))
        if gone != new:
            nodes = {node: name for node, name in nodes.items() if node not in gone} | new
        later.__dict__["nodes"] = nodes
        if report.ungrouped is self._lone:
            later.__dict__["ungrouped"] = self.ungrouped
        return later.prepare()


def _nodes(groups: Iterable[GroupReport]) -> Iterable[tuple[str, str]]:
    for group in groups:
        for device in group.devices:
            if device.node is not None:
                yield device.node, device.name
