"""Groups that the kernel attaches, or refuses, without its interrupt test (policy.md 1.4, 10.3)."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Why
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, ask, every
from vfioguard.snapshot import NOIOMMU, Snapshot


def by_kind(members: Members) -> Answer | None:
    """The answer for a group that the kernel does not test, or None for all other groups."""
    # Buses come before the name: from v5.16 on groups of mediated devices are named as no-IOMMU
    # groups are.
    buses = {device.bus for device in members.devices}
    if buses <= {"mdev", ""} and (buses or isinstance(members.complete, Gap)):
        claim = "mediated devices are attached without an interrupt test"
        known = buses == {"mdev"}
        return ask(claim, members.complete, lambda _: True if known else None)
    name = members.group.name
    hidden = isinstance(name, Gap) and name.why is not Why.ABSENT
    if name is not None and (members.group.noiommu or hidden):
        # vfio_iommu_driver_allowed(): VFIO_SET_IOMMU finds no driver but vfio-noiommu's.
        claim = (
            "an IOMMU translates the group; a no-IOMMU group is put to no interrupt test, and "
            "type1 answers ENODEV"
        )
        return ask(claim, name, lambda _: None)
    return None


def noiommu_mode(snapshot: Snapshot) -> Answer:
    """Whether VFIO takes functions that no IOMMU translates: vfio_group_find_or_alloc().

    On a kernel without the mode the option does nothing.
    """
    parameter = snapshot.parameter(NOIOMMU)
    claim = f"{parameter} is set"
    if parameter.pending is None:
        return ask(claim, parameter.current, bool)
    has = ask(
        "this kernel has the mode", snapshot.kernel.config, lambda c: c["VFIO_NOIOMMU"] != "n"
    )
    wanted = ask(f"{parameter} will be set when the module loads", parameter.pending, bool)
    return every(claim, (wanted, has))


def noiommu_answers(snapshot: Snapshot) -> str:
    """The answers of the backends for a no-IOMMU group, in words (policy.md 5)."""
    config = snapshot.kernel.config
    if isinstance(config, Fact) and config.value["IOMMUFD_NOIOMMU"] != "n":
        return "iommufd takes it (IOMMUFD_NOIOMMU), type1 answers ENODEV"
    return "type1 answers ENODEV"
