"""Groups that the kernel attaches, or refuses, without its interrupt test (POLICY 1.4)."""

from __future__ import annotations

from vfioguard.fact import Gap, Why
from vfioguard.kernel.group_members import Members
from vfioguard.logic import Answer, ask


def by_kind(members: Members) -> Answer | None:
    """What settles a group that is not put to the test, None for all others."""
    # Before the name: from v5.16 groups of mediated devices are called as no-IOMMU groups are.
    buses = {device.bus for device in members.devices}
    if buses <= {"mdev", ""} and (buses or isinstance(members.complete, Gap)):
        claim = "mediated devices are attached without an interrupt test"
        known = buses == {"mdev"}
        return ask(claim, members.complete, lambda _: True if known else None)
    name = members.group.name
    hidden = isinstance(name, Gap) and name.why is not Why.ABSENT
    if name is not None and (members.group.noiommu or hidden):
        claim = "an IOMMU translates the group; a no-IOMMU group is attached without a test"
        return ask(claim, name, lambda _: None)
    return None
