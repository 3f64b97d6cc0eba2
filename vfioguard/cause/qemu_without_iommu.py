"""A guest of QEMU or KVM whose virtual machine has no virtual IOMMU.

Change for a missing group: start it on q35 with `intel-iommu,intremap=on,caching-mode=on`.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import guests, no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    told = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if told else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, virtual.QEMU)
    if below is None:
        return None
    later = () if no_group.wanted(host) else (edit(host, add=("intel_iommu=on",)),)
    return Caused(
        sentence="This is a guest of QEMU or KVM, whose virtual machine has no IOMMU.",
        rule=no_group.GUEST,
        because=no_group.guest(below),
        change=(
            Step(
                "On the outer host, start a q35 machine with an IOMMU that remaps interrupts.",
                guests.x86_options("intel"),
            ),
            Step(
                "With libvirt, write the same into the domain.",
                "; ".join(guests.x86_elements("intel")),
            ),
            *later,
        ),
    )


CAUSE = Cause("qemu_without_iommu", _applies, FOUND)
