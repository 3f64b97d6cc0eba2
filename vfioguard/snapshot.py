"""The host at one moment: everything that the policies ask for, each fact with its source."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel import devices, group_members, iommu_class, memory_holders, module_param
from vfioguard.kernel.devices import Device
from vfioguard.kernel.earlier import Earlier, keep
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.group_members import Members
from vfioguard.kernel.identity import running
from vfioguard.kernel.identity.running import Kernel, is_x86
from vfioguard.kernel.interrupts import ir_translation, irq, irq_domains, proc_interrupts
from vfioguard.root import Directory, Root, listing

# What most hosts do not need is imported where it is read.
if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.identity.dmi import Machine
    from vfioguard.kernel.identity.processor import Processor
    from vfioguard.kernel.log import Log
else:  # names for the annotations below, which are no strings (ARCHITECTURE.md)
    Machine = Log = Processor = Wiring = object

#: (module, parameter) of both overrides and of the no-IOMMU mode.
TYPE1 = ("vfio_iommu_type1", "allow_unsafe_interrupts")
IOMMUFD = ("iommufd", "allow_unsafe_interrupts")
NOIOMMU = ("vfio", "enable_unsafe_noiommu_mode")


class Interrupts(NamedTuple):
    """What shows the machine's interrupt routing. None: not read, as the rest decides."""

    wired: tuple[irq.WiredIrq, ...]
    proc: Reading[Mapping[int, str]]
    domains: Reading[tuple[Reading[irq_domains.IrqDomain], ...]]
    ir_translation: Reading[bool]
    log: Reading[Log] | None


class Snapshot(NamedTuple):
    """The host. `devices` are those without a group; `wiring` is None on x86.

    `machine` and `processor` are read where there is an IVRS, which Linux reads by them; `chipset`
    (PCI id and revision) where one may be too early to remap, and nothing shows that it does.
    `modules` are VFIO's loaded ones, looked for where no parameter shows one; `container`: whether
    VFIO provides /dev/vfio/vfio, asked where no file says it for less.
    """

    kernel: Kernel
    parameters: tuple[module_param.Parameter, ...]
    iommus: Reading[tuple[iommu_class.Iommu, ...]]
    interrupts: Interrupts
    groups: Reading[tuple[Members, ...]]
    devices: tuple[Device, ...]
    acpi: acpi_tables.AcpiTables
    wiring: Wiring | None
    machine: Reading[Machine] | None = None
    processor: Reading[Processor] | None = None
    chipset: Reading[tuple[str, int]] | None = None
    modules: tuple[str, ...] = ()
    container: Reading[bool] | None = None

    def parameter(self, which: tuple[str, str]) -> module_param.Parameter:
        """The parameter named by (module, name)."""
        return next(p for p in self.parameters if (p.module, p.name) == which)

    @property
    def members(self) -> tuple[Members, ...]:
        """The groups with their devices, none where they could not be listed."""
        return self.groups.value if isinstance(self.groups, Fact) else ()

    def group(self, number: int) -> Members | None:
        """The group of this number."""
        at = group_members.place(self.members, number)
        return None if at is None else self.members[at]


def take(
    root: Root, before: Snapshot | None = None, changed: frozenset[str] | None = None
) -> Snapshot:
    """Read the whole host once. Every failure is a gap; nothing is written.

    With an earlier snapshot, whatever did not change is that one's object. With the names of the
    devices that `changed`, directories are listed and those devices read again, and of the others,
    of what is static in a boot and of the log the earlier state is kept.
    """
    if before is None:
        return _take(root, None, Earlier(), None)
    return _take(root, before, Earlier(before.members, before.devices, changed), changed)


def _take(
    root: Root, before: Snapshot | None, earlier: Earlier, changed: frozenset[str] | None
) -> Snapshot:
    """`changed` as in `take()`; static facts are read where it is None."""
    static = before if changed is not None else None
    acpi = static.acpi if static else keep(acpi_tables.read(root), before and before.acpi)
    kernel = static.kernel if static else _kernel(root, acpi, before)
    iommus = keep(iommu_class.read(root), before and before.iommus)
    irqs = irq.directory(root)
    bus, functions = _pci(root, irqs, earlier)
    x86 = is_x86(kernel)
    interrupts = keep(
        _interrupts(root, irqs, x86, static and static.interrupts), before and before.interrupts
    )
    chipset = None
    if x86 and bus is not None and isinstance(functions, Fact):
        seen = remapping_seen(interrupts, functions.value)
        chipset = None if seen else _chipset(bus, functions.value)
        functions = functions._replace(
            value=_with_capabilities(bus, functions.value, seen, earlier)
        )
    groups = group_members.read(root, irqs, iommus, functions, earlier)
    alone = group_members.ungrouped(functions, groups)
    if x86 and bus is not None:
        groups, alone = memory_holders.with_bridges(bus, groups, alone, earlier)
    wiring = None if x86 else _wiring(root, functions, groups, static and static.wiring, changed)
    overrides = keep(parameters(root, kernel), before and before.parameters)
    return Snapshot(
        kernel,
        overrides,
        iommus,
        interrupts,
        groups,
        keep(alone, before and before.devices),
        acpi,
        keep(wiring, before and before.wiring),
        *((static.machine, static.processor) if static else _by_ivrs(root, acpi)),
        keep(chipset, before and before.chipset),
        module_param.modules(root, overrides),
        container(root, kernel, overrides, interrupts.log, static and static.container),
    )


def parameters(root: Root, kernel: Kernel) -> tuple[module_param.Parameter, ...]:
    """Both overrides and the no-IOMMU mode as they are now."""
    return tuple(
        module_param.read(root, module, name, kernel.cmdline)
        for module, name in (TYPE1, IOMMUFD, NOIOMMU)
    )


def container(
    root: Root,
    kernel: Kernel,
    found: tuple[module_param.Parameter, ...],
    log: Reading[Log] | None,
    earlier: Reading[bool] | None = None,
) -> Reading[bool] | None:
    """Whether VFIO provides /dev/vfio/vfio: asked where only iommufd is seen to be loaded."""
    loaded = {parameter.module for parameter in found if isinstance(parameter.current, Fact)}
    if isinstance(kernel.config, Fact) or loaded.isdisjoint({IOMMUFD[0]}) or TYPE1[0] in loaded:
        return None
    if isinstance(earlier, Fact):
        return earlier
    from vfioguard.kernel import container

    return container.read(root, log)


def _kernel(root: Root, acpi: acpi_tables.AcpiTables, before: Snapshot | None) -> Kernel:
    found = running.read(root, ivrs=isinstance(acpi.ivrs, Fact))
    return keep(found, before and before.kernel)


def _by_ivrs(
    root: Root, acpi: acpi_tables.AcpiTables
) -> tuple[Reading[Machine] | None, Reading[Processor] | None]:
    if isinstance(acpi.ivrs, Gap):
        return None, None
    from vfioguard.kernel.identity import dmi, processor

    return dmi.read(root), processor.read(root)


def _chipset(bus: Directory, functions: tuple[Device, ...]) -> Reading[tuple[str, int]] | None:
    from vfioguard.kernel.pci import chipset

    return chipset.revision(bus, functions)


def _wiring(
    root: Root,
    functions: Reading[tuple[Device, ...]],
    groups: Reading[tuple[Members, ...]],
    earlier: Wiring | None,
    changed: frozenset[str] | None,
) -> Wiring:
    """Off x86 the kernel finds MSI domains through firmware; members of other buses count too."""
    from vfioguard.kernel.firmware import wiring

    others = {
        device.name: device.uevent.source.rpartition("/")[0]
        for members in (groups.value if isinstance(groups, Fact) else ())
        for device in members.devices
        if device.bus != "pci"
    }
    names = [device.name for device in functions.value] if isinstance(functions, Fact) else []
    return wiring.read(root, names, others, earlier, changed or frozenset())


def _pci(
    root: Root, irqs: Directory, earlier: Earlier
) -> tuple[Directory | None, Reading[tuple[Device, ...]]]:
    names = listing(root, devices.PCI)
    if isinstance(names, Gap):
        return None, names
    bus = root.under(devices.PCI)
    found = tuple(
        [earlier.function(name, partial(devices.read_pci, bus, irqs, name)) for name in names.value]
    )
    return bus, Fact(found, names.raw, names.source)


def _interrupts(
    root: Root, irqs: Directory, x86: bool, earlier: Interrupts | None = None
) -> Interrupts:
    """All but the log, where there is an earlier reading."""
    wired = irq.wired(irqs) if x86 else ()
    on_io_apic = any(_chip(entry.chip).endswith("IO-APIC") for entry in wired)
    return Interrupts(
        wired,
        proc_interrupts.read(root),
        irq_domains.read(root),
        ir_translation.read(root),
        # Thousands of system calls on a live host, so only where the interrupts say nothing.
        None if on_io_apic else earlier.log if earlier and earlier.log else _log(root),
    )


def _log(root: Root) -> Reading[Log]:
    from vfioguard.kernel import log

    return log.read(root)


def remapping_seen(interrupts: Interrupts, functions: Iterable[Device]) -> bool:
    """Whether any interrupt is remapped: then nobody asks for PCI capabilities."""
    return wired_remapped(interrupts) or any(
        _chip(device.chip).startswith(irq.REMAPPED) for device in functions
    )


def wired_remapped(interrupts: Interrupts) -> bool:
    """The same of the wired interrupts alone."""
    return any(_chip(entry.chip).startswith("IR-") for entry in interrupts.wired)


def _chip(chip: Reading[str] | None) -> str:
    return chip.value if isinstance(chip, Fact) else ""


def _with_capabilities(
    bus: Directory, functions: tuple[Device, ...], seen: bool, earlier: Earlier
) -> tuple[Device, ...]:
    """The 2016 series asks whether a function without MSIs could have any (policy.md 6.3)."""
    return tuple([with_capability(bus, device, seen, earlier) for device in functions])


def with_capability(bus: Directory, device: Device, seen: bool, earlier: Earlier) -> Device:
    """The function with what is asked of its capabilities; `seen`: remapping is, so nothing is."""
    asked = not seen and device.chip is None and not isinstance(device.group, Gap)
    if asked is (device.msi_capability is not None):
        return device
    if not asked:
        return device._replace(msi_capability=None)
    known: Reading[bool] | None = earlier.capability(device)
    if known is None:
        from vfioguard.kernel.pci import pci_config

        known = pci_config.msi_capability(bus, device.name)
    return device._replace(msi_capability=known)
