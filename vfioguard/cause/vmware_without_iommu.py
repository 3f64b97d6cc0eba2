"""A guest of VMware whose virtual machine has no virtual IOMMU.

Change for a missing group: expose the IOMMU in the machine's settings, then `intel_iommu=on`.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    told = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if told else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, virtual.VMWARE)
    if below is None:
        return None
    later = () if no_group.wanted(host) else (edit(host, add=("intel_iommu=on",)),)
    return Caused(
        sentence="This VMware virtual machine has no IOMMU: it is off in the machine's settings.",
        rule=no_group.GUEST,
        because=no_group.guest(below),
        change=(
            Step(
                "Power the machine off, and expose an IOMMU to the guest in its CPU settings.",
                'vvtd.enable = "TRUE" in the .vmx file (Virtualize IOMMU)',
            ),
            *later,
        ),
    )


CAUSE = Cause("vmware_without_iommu", _applies, FOUND)
