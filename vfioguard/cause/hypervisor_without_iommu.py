"""A guest of another hypervisor that shows it no IOMMU.

Change for a missing group: ask whether it has one; cloud-hypervisor: `iommu=on` for the device.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_NAMES = {
    virtual.CLOUD_HYPERVISOR: "cloud-hypervisor",
    virtual.VIRTUALBOX: "VirtualBox",
    virtual.BHYVE: "bhyve",
    virtual.OTHER: "a hypervisor",
    virtual.VMWARE: "VMware",
}


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, *_NAMES)
    own = host.is_x86 and below is not None and below.name == virtual.VMWARE
    if below is None or own:  # VMware gives guests of x86 an IOMMU
        return None
    step = (
        Step(
            "On the outer host, put the device behind the virtual IOMMU.",
            "--device path=...,iommu=on",
        )
        if below.name == virtual.CLOUD_HYPERVISOR
        else Step("Ask whether the hypervisor can give the virtual machine an IOMMU.")
    )
    return Caused(
        sentence=f"This is a guest of {_NAMES[below.name]}, whose virtual machine has no IOMMU.",
        rule=no_group.GUEST,
        because=no_group.guest(below),
        change=(step,),
        helps=below.name == virtual.CLOUD_HYPERVISOR,
    )


CAUSE = Cause("hypervisor_without_iommu", _applies, FOUND)
