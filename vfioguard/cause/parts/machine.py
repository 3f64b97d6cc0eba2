"""What can be set on this machine: in the firmware's setup, or where its virtual machine runs."""

from __future__ import annotations

from vfioguard.cause.parts import guests, setup
from vfioguard.fact import Fact
from vfioguard.inference import borders
from vfioguard.inference import virtual as hypervisors
from vfioguard.inference.host import Host
from vfioguard.report import Step

#: How a hypervisor is called in a sentence.
_CALLED = {
    hypervisors.QEMU: "QEMU",
    hypervisors.VMWARE: "VMware",
    hypervisors.HYPERV: "Hyper-V",
    hypervisors.XEN: "Xen",
    hypervisors.EC2: "Amazon EC2",
    hypervisors.CLOUD_HYPERVISOR: "cloud-hypervisor",
    hypervisors.VIRTUALBOX: "VirtualBox",
    hypervisors.BHYVE: "bhyve",
}
_UNNAMED = "an unknown program"


def virtual(host: Host) -> str | None:
    """The program of a virtual machine. Returns None if this is not known to be one.

    With virtio-iommu it is a virtual machine, whatever else can be read.
    """
    below = hypervisors.hypervisor(host)
    if below is not None:
        return _CALLED.get(below.name, _UNNAMED)
    return _UNNAMED if _driven(host, "virtio-iommu") else None


def amd(host: Host) -> bool:
    """Whether an IOMMU of this machine is AMD's."""
    return isinstance(host.snapshot.acpi.ivrs, Fact) or _driven(host, "amd")


def intel(host: Host) -> bool:
    """Whether an IOMMU of this machine is Intel's."""
    return isinstance(host.snapshot.acpi.dmar, Fact) or _driven(host, "intel")


def _driven(host: Host, driver: str) -> bool:
    units = host.snapshot.iommus
    known = units.value if isinstance(units, Fact) else ()
    return any(unit.driver is not None and unit.driver.name == driver for unit in known)


def turn_on(host: Host) -> tuple[Step, ...]:
    """The steps that have the firmware describe an IOMMU that remaps interrupts."""
    program = virtual(host)
    if program is not None:
        return _of_virtual(host, program)
    return (
        setup.enable(host),
        Step(
            "If the setup has an item for interrupt remapping beside it, enable that too.",
            "firmware setup: Interrupt Remapping",
        ),
        Step(
            "If that does not help, update the firmware, and report the fault to its vendor.",
            "firmware update",
        ),
    )


def mend(host: Host) -> tuple[Step, ...]:
    """The steps against tables that are wrong, where no setting of the kernel corrects them."""
    program = virtual(host)
    if program is not None:
        return _of_virtual(host, program)
    return (
        Step(
            "Update the firmware; if the newest has the fault, report it to the vendor.",
            "firmware update",
        ),
    )


def _of_virtual(host: Host, program: str) -> tuple[Step, ...]:
    if program == "QEMU":
        return _of_qemu(host, "amd" if amd(host) else "intel")
    return (
        Step(
            f"This is a virtual machine of {program}: where it runs, give it a virtual IOMMU "
            "that remaps interrupts, if there is one.",
            None if program == _UNNAMED else f"the settings of {program}",
        ),
    )


def _of_qemu(host: Host, model: str) -> tuple[Step, ...]:
    steps = [
        Step(
            "This is a virtual machine of QEMU: where it runs, give it an IOMMU that remaps "
            "interrupts, and start it anew.",
            f"qemu: {guests.x86_options(model)}",
        ),
        Step(
            "In libvirt's form of that, the IO-APIC of QEMU is asked for in <features>.",
            " and ".join(guests.x86_elements(model)),
        ),
    ]
    if model == "amd" and host.has(borders.AMD_SOUTHBRIDGE_BY_CLASS) is not False:
        # Its IVRS names 00:14.0, where QEMU has no function (check_sb_ioapic()).
        steps.append(
            Step(
                "Give it a function of class 0c05 at 00:14.0 too: this kernel looks for an SMBus "
                "there. Kernels before 7.3.4 do not.",
                "qemu: -device virtio-blk-pci,addr=14.0,class=0x0c05,drive=DRIVE",
            )
        )
    return tuple(steps)
