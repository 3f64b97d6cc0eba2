"""What people name on a host: `group:N`, a PCI address, or the name of another device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import attrgetter

from vfioguard import unchanged, wording
from vfioguard.report import GroupReport, Report, UngroupedDevice

_GROUP = "group:"
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
        """The name that the kernel has for a target: people type a PCI address without domain."""
        if target.startswith(_GROUP) or target in self.group_of or target in self._ungrouped:
            return target
        from vfioguard.bdf import parse_bdf  # it compiles patterns, and scripts copy the name

        bdf = parse_bdf(target)
        return target if bdf is None else str(bdf)

    def _group(self, target: str) -> GroupReport | None:
        digits = target.removeprefix(_GROUP)
        plain = digits.isascii() and digits.isdecimal() and len(digits) < 10
        return self._numbered(int(digits)) if plain and str(int(digits)) == digits else None

    def _numbered(self, number: int) -> GroupReport | None:
        place = unchanged.numbered(self._report.groups, number, _number)
        return None if place is None else self._report.groups[place]

    def _device(self, name: str) -> GroupReport | UngroupedDevice | None:
        """A device that is in a group goes before another of its name that is in none."""
        number = self.group_of.get(name)
        return self._ungrouped.get(name) if number is None else self._numbered(number)

    def _missing(self, target: str) -> str:
        if target.startswith(_GROUP):
            groups = [f"{_GROUP}{group.id}" for group in self._report.groups]
            return wording.missing(target, "IOMMU group", groups)
        names = dict.fromkeys((*self.group_of, *self._ungrouped))
        return wording.missing(target, "device", list(names))

    @cached_property
    def _ungrouped(self) -> dict[str, UngroupedDevice]:
        return {device.name: device for device in self._report.ungrouped}


def _group_of(report: Report) -> Mapping[str, int]:
    return {device.name: group.id for group in report.groups for device in group.devices}
