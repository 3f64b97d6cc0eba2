"""A group is on VFIO in part, and the host needs another of its members.

The kernel attaches the group only if every member leaves its driver. So whoever makes the group
ready for a guest takes the host's disk, network or console from it. What the host needs is read
only if a group is on VFIO in part, and again with each list of the host's devices.

Change: leave that member with the host, and give the members on VFIO back to their drivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import needs
from vfioguard.fact import Fact
from vfioguard.finding import Finding, Found
from vfioguard.inference import needed
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.report import DeviceReport, GroupReport, Step

_PATH = "/sys/kernel/iommu_groups/{}/devices"


def _find(host: Host, groups: Sequence[GroupReport]) -> Iterator[Found]:
    partly = [group for group in groups if len(group.devices) > 1 and _in_part(group)]
    roles = needed.roles(host) if partly else None
    if roles is None:
        return
    for group in partly:
        for device in _left(group):
            if device.name in roles.of:
                yield _found(group, device.name, roles.of[device.name])


def _in_part(group: GroupReport) -> bool:
    return group.on_vfio and any(_left(group))


def _left(group: GroupReport) -> list[DeviceReport]:
    """The functions of the group that are on no VFIO driver."""
    return [device for device in group.devices if device.bus == "pci" and not device.on_vfio]


def _found(group: GroupReport, name: str, roles: tuple[str, ...]) -> Found:
    given = [device.name for device in group.devices if device.on_vfio]
    path = _PATH.format(group.id)
    seen = Fact(roles, ", ".join(roles).encode(), f"{path}/{name}")
    return Found(
        f"group {group.id} is on VFIO with {given[0]}, and {needs(name, roles)}",
        Answer("no member of a group on VFIO is needed by the host", False, (seen,)),
        (
            Step(f"Leave {name} with the host: no guest can have this group."),
            Step(f"Give {given[0]} back to its driver", f"driverctl unset-override {given[0]}"),
        ),
    )


FINDING = Finding("host_critical", "warning", find_in_groups=_find)
