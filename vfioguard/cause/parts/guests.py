"""What can be done for a guest of QEMU: the options that give its machine an IOMMU or an ITS.

QEMU docs/system/arm/virt.rst; libvirt docs/formatdomain-devices-iommu.rst (smmuv3 since 5.5.0).
"""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.report import Step

_DUMMY = "linux,dummy-virt"


def is_qemu(host: Host) -> bool:
    """Whether this is known to be a guest of QEMU: by tables, DMI or the device tree's root."""
    below = virtual.hypervisor(host)
    if below is not None:
        return below.name == virtual.QEMU
    site = host.snapshot.site
    board = site.board if site is not None else None
    return isinstance(board, Fact) and _DUMMY in board.value


def with_smmu(host: Host) -> tuple[Step, ...]:
    """The step that gives an Arm guest of QEMU an SMMU; none for other machines."""
    if not host.is_arm or not is_qemu(host):
        return ()
    where = "-machine virt,iommu=smmuv3; in libvirt: <iommu model='smmuv3'/>"
    return (Step("On the outer host, start the virtual machine with an SMMU.", where),)


def with_its(host: Host) -> tuple[Step, ...]:
    """The step that gives an Arm guest of QEMU an ITS; none for other machines."""
    if not host.is_arm or not is_qemu(host):
        return ()
    where = "-machine virt,gic-version=3,its=on"
    return (Step("On the outer host, start the virtual machine with a GICv3 and its ITS.", where),)


def x86_options(model: str) -> str:
    """QEMU's options for an x86 IOMMU ("intel", "amd") that remaps interrupts.

    It wants a q35 machine, and a split irqchip under KVM. Behind Intel's, QEMU takes an assigned
    device only with caching-mode (hw/i386/intel_iommu.c vtd_iommu_notify_flag_changed()).
    """
    caching = ",caching-mode=on" if model == "intel" else ""
    return f"-machine q35,kernel-irqchip=split -device {model}-iommu,intremap=on{caching}"


def x86_elements(model: str) -> tuple[str, str]:
    """The same in libvirt's domain: the element in <features>, and the one in <devices>."""
    caching = " caching_mode='on'" if model == "intel" else ""
    driver = f"<driver intremap='on'{caching}/>"
    return "<ioapic driver='qemu'/>", f"<iommu model='{model}'>{driver}</iommu>"
