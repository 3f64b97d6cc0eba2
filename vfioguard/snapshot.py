"""The host at one moment: everything that the policies ask for, each fact with its source."""

# No string annotations: NamedTuple compiles each of them, a millisecond in all at every start.
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel import (
    acpi_tables,
    arch,
    cmdline,
    config,
    devices,
    group_members,
    hypervisor,
    iommu_class,
    ir_translation,
    irq,
    irq_domains,
    memory_holders,
    module_param,
    osrelease,
    proc_interrupts,
    symbols,
)
from vfioguard.kernel.config import Config
from vfioguard.kernel.devices import Device
from vfioguard.kernel.group_members import Members
from vfioguard.root import Directory, Root, listing

# What most hosts do not need is imported where it is read.
if TYPE_CHECKING:
    from vfioguard.kernel.dmi import Machine
    from vfioguard.kernel.log import Log
    from vfioguard.kernel.wiring import Wiring

#: (module, parameter) of both overrides and of the no-IOMMU mode.
TYPE1 = ("vfio_iommu_type1", "allow_unsafe_interrupts")
IOMMUFD = ("iommufd", "allow_unsafe_interrupts")
NOIOMMU = ("vfio", "enable_unsafe_noiommu_mode")


class Kernel(NamedTuple):
    """Which kernel this is, and what it was told."""

    release: Reading[osrelease.Release]
    arch: Reading[str]
    predicate: Reading[symbols.Predicate]
    config: Reading[Config]
    cmdline: Reading[tuple[str, ...]]
    hypervisor: Reading[str]


class Interrupts(NamedTuple):
    """What shows the machine's interrupt routing. None: not read, as the rest decides."""

    wired: tuple[irq.WiredIrq, ...]
    proc: Reading[Mapping[int, str]]
    domains: Reading[tuple[Reading[irq_domains.IrqDomain], ...]]
    ir_translation: Reading[bool]
    log: "Reading[Log] | None"


class Snapshot(NamedTuple):
    """The host. `devices` are those without a group; `wiring` is None on x86.

    `machine` is read where there is an IVRS, as Linux corrects that of some machines.
    """

    kernel: Kernel
    parameters: tuple[module_param.Parameter, ...]
    iommus: Reading[tuple[iommu_class.Iommu, ...]]
    interrupts: Interrupts
    groups: Reading[tuple[Members, ...]]
    devices: tuple[Device, ...]
    acpi: acpi_tables.AcpiTables
    wiring: "Wiring | None"
    machine: "Reading[Machine] | None" = None

    def parameter(self, which: tuple[str, str]) -> module_param.Parameter:
        """The parameter named by (module, name)."""
        return next(p for p in self.parameters if (p.module, p.name) == which)


def take(root: Root) -> Snapshot:
    """Read the whole host once. Every failure is a gap; nothing is written."""
    kernel = _kernel(root)
    iommus = iommu_class.read(root)
    irqs = irq.directory(root)
    bus, functions = _pci(root, irqs)
    x86 = isinstance(kernel.arch, Fact) and kernel.arch.value in {"x86_64", "i686"}
    interrupts = _interrupts(root, irqs, x86)
    if x86 and isinstance(functions, Fact) and not _remapping_seen(interrupts, functions.value):
        functions = functions._replace(value=_with_capabilities(bus, functions.value))
    groups = group_members.read(root, irqs, iommus, functions)
    alone = _ungrouped(functions, groups)
    if x86 and bus is not None:
        groups, alone = memory_holders.with_bridges(bus, groups, alone)
    acpi = acpi_tables.read(root)
    return Snapshot(
        kernel,
        tuple(
            module_param.read(root, module, name, kernel.cmdline)
            for module, name in (TYPE1, IOMMUFD, NOIOMMU)
        ),
        iommus,
        interrupts,
        groups,
        alone,
        acpi,
        None if x86 else _wiring(root, functions, groups),
        _machine(root) if isinstance(acpi.ivrs, Fact) else None,
    )


def _machine(root: Root) -> "Reading[Machine]":
    from vfioguard.kernel import dmi

    return dmi.read(root)


def _wiring(
    root: Root, functions: Reading[tuple[Device, ...]], groups: Reading[tuple[Members, ...]]
) -> "Wiring":
    """Off x86 the kernel finds MSI domains through firmware; members of other buses count too."""
    from vfioguard.kernel import wiring

    others = {
        device.name: device.uevent.source.rpartition("/")[0]
        for members in (groups.value if isinstance(groups, Fact) else ())
        for device in members.devices
        if device.bus != "pci"
    }
    names = [device.name for device in functions.value] if isinstance(functions, Fact) else []
    return wiring.read(root, names, others)


def _ungrouped(
    functions: Reading[tuple[Device, ...]], groups: Reading[tuple[Members, ...]]
) -> tuple[Device, ...]:
    """The functions that no group holds, by its own list where the function's link is lost."""
    if isinstance(functions, Gap):
        return ()
    alone = tuple(device for device in functions.value if isinstance(device.group, Gap))
    if not alone or isinstance(groups, Gap):
        return alone
    grouped = {device.name for members in groups.value for device in members.devices}
    return tuple(device for device in alone if device.name not in grouped)


def _kernel(root: Root) -> Kernel:
    release = osrelease.read(root)
    text = release.value.text if isinstance(release, Fact) else None
    return Kernel(
        release,
        arch.read(root),
        symbols.read(root),
        config.read(root, text),
        cmdline.read(root),
        hypervisor.read(root),
    )


def _pci(root: Root, irqs: Directory) -> tuple[Directory | None, Reading[tuple[Device, ...]]]:
    names = listing(root, devices.PCI)
    if isinstance(names, Gap):
        return None, names
    bus = root.under(devices.PCI)
    found = tuple(devices.read_pci(bus, irqs, name) for name in names.value)
    return bus, Fact(found, names.raw, names.source)


def _interrupts(root: Root, irqs: Directory, x86: bool) -> Interrupts:
    wired = irq.wired(irqs) if x86 else ()
    on_io_apic = any(_chip(entry.chip).endswith("IO-APIC") for entry in wired)
    return Interrupts(
        wired,
        proc_interrupts.read(root),
        irq_domains.read(root),
        ir_translation.read(root),
        # Thousands of system calls on a live host, so only where the interrupts say nothing.
        None if on_io_apic else _log(root),
    )


def _log(root: Root) -> "Reading[Log]":
    from vfioguard.kernel import log

    return log.read(root)


def _remapping_seen(interrupts: Interrupts, functions: tuple[Device, ...]) -> bool:
    """Whether any interrupt is remapped: then nobody asks for PCI capabilities."""
    chips = (_chip(entry.chip) for entry in interrupts.wired)
    msis = (_chip(device.chip) for device in functions)
    return any(chip.startswith("IR-") for group in (chips, msis) for chip in group)


def _chip(chip: Reading[str] | None) -> str:
    return chip.value if isinstance(chip, Fact) else ""


def _with_capabilities(bus: Directory | None, functions: tuple[Device, ...]) -> tuple[Device, ...]:
    """The 2016 series asks whether a function without MSIs could have any (POLICY 6.3)."""
    from vfioguard.kernel import pci_config

    assert bus is not None, "functions were read below it"
    return tuple(
        device
        if device.chip is not None or isinstance(device.group, Gap)
        else device._replace(msi_capability=pci_config.msi_capability(bus, device.name))
        for device in functions
    )
