"""Groups that the kernel attaches, or refuses, without its interrupt test (policy.md 1.4, 10.3)."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import borders, era
from vfioguard.kernel.members import Members
from vfioguard.kernel.module_param import Parameter
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.snapshot import NOIOMMU, Snapshot

_NO_IOMMU = Claim(
    "an IOMMU translates the group; a no-IOMMU group is put to no interrupt test, and type1 "
    "answers ENODEV",
    unknown="a no-IOMMU group is put to no interrupt test, and type1 answers ENODEV",
)


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
    if name is not None and is_noiommu(members):
        # vfio_iommu_driver_allowed(): VFIO_SET_IOMMU finds no driver but vfio-noiommu's.
        return ask(_NO_IOMMU, name, lambda _: None)
    return None


def is_noiommu(members: Members) -> bool:
    """Whether no IOMMU translates the group, or its name, which would tell, cannot be read."""
    name = members.group.name
    hidden = isinstance(name, Gap) and name.why is not Why.ABSENT
    if not (members.group.noiommu or hidden):  # nearly every group
        return False
    return {device.bus for device in members.devices} != {"mdev"}


def iommufd_takes_noiommu(snapshot: Snapshot) -> Answer:
    """Whether iommufd takes devices that no IOMMU translates."""
    if era.has(snapshot, borders.IOMMUFD_NOIOMMU) is False:
        early = Claim(
            "iommufd takes devices that no IOMMU translates (v7.3 and later)",
            "iommufd takes no device that no IOMMU translates, as v7.3 and later do",
        )
        return ask(early, snapshot.kernel.release, lambda _: False)
    claim = Claim(
        "iommufd takes devices that no IOMMU translates (CONFIG_IOMMUFD_NOIOMMU)",
        "iommufd takes no device that no IOMMU translates (CONFIG_IOMMUFD_NOIOMMU)",
    )
    return ask(claim, snapshot.kernel.config, lambda config: config["IOMMUFD_NOIOMMU"] != "n")


def noiommu_mode(snapshot: Snapshot) -> Answer:
    """Whether VFIO takes functions that no IOMMU translates: vfio_group_find_or_alloc().

    On a kernel without the mode the option does nothing.
    """
    parameter = snapshot.parameter(NOIOMMU)
    claim = Claim(f"{parameter} is set", f"{parameter} is not set")
    if parameter.pending is None:
        return ask(claim, parameter.current, bool)
    built = Claim("this kernel has the mode", "this kernel has no no-IOMMU mode (VFIO_NOIOMMU)")
    has = ask(built, snapshot.kernel.config, lambda c: c["VFIO_NOIOMMU"] != "n")
    wanted = ask(will_be_set(parameter), parameter.pending, bool)
    return every(claim, (wanted, has))


def will_be_set(parameter: Parameter) -> Claim:
    """The claim that a parameter of a module that is not loaded is set once it loads."""
    return Claim(
        f"{parameter} will be set when the module loads",
        f"{parameter} will not be set when the module loads",
    )


def noiommu_answers(snapshot: Snapshot) -> str:
    """The answers of the backends for a no-IOMMU group, in words (policy.md 5)."""
    config = snapshot.kernel.config
    if isinstance(config, Fact) and config.value["IOMMUFD_NOIOMMU"] != "n":
        return "iommufd takes it (IOMMUFD_NOIOMMU), type1 answers ENODEV"
    return "type1 answers ENODEV"
