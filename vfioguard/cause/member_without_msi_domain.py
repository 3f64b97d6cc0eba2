"""A member of the group is not a PCI device: on x86 only those are given an MSI domain.

Change on x86: turn it off in the firmware's setup; nothing if it is alone in its group.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import why
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import is_pci
from vfioguard.kernel.members import Members
from vfioguard.logic import every
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if not host.is_x86:
        return None
    without = [d for d, _ in why.refusing(host, group, members) if not is_pci(d.name)]
    if not without:
        return None
    names = ", ".join(device.name for device in without)
    return Caused(
        sentence=f"{names}, a member of the group, has no MSI domain: on x86 only PCI devices are "
        "given one.",
        rule="drivers/iommu/iommu.c iommu_group_has_isolated_msi() asks every member; since v6.3",
        because=every(
            "every member has an MSI domain that isolates", [host.isolated(d) for d in without]
        ),
        change=(_turn_off(names),),
    )


def _turn_off(names: str) -> Step:
    return Step(
        f"Turn off in the firmware's setup what ACPI calls {names}, if there is such an item; "
        "nothing else takes it out of the group.",
        "firmware setup",
    )


CAUSE = Cause("member_without_msi_domain", _applies, here=why.on_x86)
