"""What people name on a host: a group or a device, as they have it at hand.

`group:12` is also `group 12`, /dev/vfio/12 (or noiommu-12), and the group's directory in sysfs. A
PCI address may lack its domain, be in capitals, be libvirt's `pci_0000_01_00_0`, or end a path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import attrgetter

from vfioguard import unchanged, wording
from vfioguard.report import GroupReport, Report, UngroupedDevice

_GROUP = "group:"
#: What stands before a group's number where people see it; drivers/vfio/group.c names the nodes.
_BEFORE_A_NUMBER = (
    _GROUP,
    "group ",
    "/dev/vfio/noiommu-",
    "/dev/vfio/",
    "/sys/kernel/iommu_groups/",
)
_NODEDEV = "pci_"
_number: Callable[[GroupReport], int] = attrgetter("id")


class NoTarget(LookupError):
    """The host has no such group or device. The message is one line and says which there are."""


class Targets:
    """The groups and devices of one report by their names.

    `group_of` maps the name of each device to the number of its group. Pass that of an earlier
    report if no device has moved since.
    """

    def __init__(self, report: Report, group_of: Mapping[str, int] | None = None) -> None:
        self._report = report
        self.group_of = _group_of(report) if group_of is None else group_of

    def find(self, target: str) -> GroupReport | UngroupedDevice:
        """The group that a target names or is in, or the device if it is in none.

        Raises `NoTarget`.
        """
        name = self.canonical(target)
        named = self._group(name) if name.startswith(_GROUP) else self._device(name)
        if named is None:
            raise NoTarget(self._missing(target))
        return named

    def canonical(self, target: str) -> str:
        """The name that the kernel has for a target; any other target as it is.

        Raises `NoTarget` if an address lacks its domain and several domains have it.
        """
        if target in self.group_of or target in self._ungrouped:
            return target  # before all else, as scripts copy the name
        name = spelled(target)
        if name.startswith(_GROUP):
            return name
        from vfioguard.bdf import parse_bdf  # it compiles patterns

        bdf = parse_bdf(name)
        if bdf is None:
            return name
        if name.count(":") == 2:
            return str(bdf)
        return self._in_any_domain(name.lower()) or str(bdf)

    def _in_any_domain(self, short: str) -> str | None:
        """The device with this address in its domain; None if there is none.

        Raises `NoTarget` if there are several.
        """
        there = (f"{domain}:{short}" for domain in self._domains)
        names = [name for name in there if name in self.group_of or name in self._ungrouped]
        if len(names) > 1:
            listed = wording.listed(names)
            raise NoTarget(f"{short} is in {len(names)} PCI domains: say which, {listed}")
        return names[0] if names else None

    def _group(self, target: str) -> GroupReport | None:
        digits = target.removeprefix(_GROUP)
        return self._numbered(int(digits)) if _is_number(digits) else None

    def _numbered(self, number: int) -> GroupReport | None:
        place = unchanged.numbered(self._report.groups, number, _number)
        return None if place is None else self._report.groups[place]

    def _device(self, name: str) -> GroupReport | UngroupedDevice | None:
        """A device that is in a group goes before another of its name that is in none."""
        number = self.group_of.get(name)
        return self._ungrouped.get(name) if number is None else self._numbered(number)

    def _missing(self, target: str) -> str:
        if spelled(target).startswith(_GROUP):
            groups = [f"{_GROUP}{group.id}" for group in self._report.groups]
            return wording.missing(target, "IOMMU group", groups)
        names = dict.fromkeys((*self.group_of, *self._ungrouped))
        return wording.missing(target, "device", list(names))

    @cached_property
    def _domains(self) -> tuple[str, ...]:
        """What stands before the first colon of a name: kept, as the gate asks for each request."""
        names = (*self.group_of, *self._ungrouped)
        return tuple(dict.fromkeys(name.partition(":")[0] for name in names))

    @cached_property
    def _ungrouped(self) -> dict[str, UngroupedDevice]:
        return {device.name: device for device in self._report.ungrouped}


def spelled(target: str) -> str:
    """`group:N` or a name for what people have at hand; any other target as it is."""
    for before in _BEFORE_A_NUMBER:
        number = target.removeprefix(before).rstrip("/")
        if target.startswith(before) and _is_number(number):
            return f"{_GROUP}{number}"
    if target.startswith("/sys/"):
        return target.rstrip("/").rpartition("/")[2]
    if target.startswith(_NODEDEV):
        parts = target.removeprefix(_NODEDEV).split("_")
        if len(parts) == 4:
            return "{}:{}:{}.{}".format(*parts)
    return target


def _is_number(digits: str) -> bool:
    """Whether this is a group's number as the kernel prints it."""
    plain = digits.isascii() and digits.isdecimal() and len(digits) < 10
    return plain and str(int(digits)) == digits


def _group_of(report: Report) -> Mapping[str, int]:
    return {device.name: group.id for group in report.groups for device in group.devices}
