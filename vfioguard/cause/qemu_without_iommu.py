"""A guest of QEMU or KVM whose virtual machine has no virtual IOMMU.

Change for a missing group: start it with `-device intel-iommu,intremap=on` on q35.
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
    """QEMU's intel-iommu wants a q35 machine, and remaps only with a split irqchip under KVM."""
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
                "-machine q35,kernel-irqchip=split -device intel-iommu,intremap=on",
            ),
            Step(
                "With libvirt, write the same into the domain.",
                "<ioapic driver='qemu'/>; <iommu model='intel'><driver intremap='on'/></iommu>",
            ),
            *later,
        ),
    )


CAUSE = Cause("qemu_without_iommu", _applies, FOUND)
