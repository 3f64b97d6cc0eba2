"""Reading the whole host: the parts of a Snapshot, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel import devices, iommu_class, loadable, module_param
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity import running
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.identity.running import Kernel
from vfioguard.kernel.identity.site import Site
from vfioguard.kernel.interrupts import ir_translation, irq, irq_domains, proc_interrupts
from vfioguard.kernel.members import Members, every_device
from vfioguard.kernel.pci import denylist as ids
from vfioguard.reading import group_members, memory_holders
from vfioguard.reading.earlier import Earlier
from vfioguard.reading.msi_capability import remapping_seen, with_capability
from vfioguard.root import Directory, Root, listing
from vfioguard.snapshot import DENYLIST, IOMMUFD, NOIOMMU, TYPE1, Interrupts, Snapshot
from vfioguard.typed import TYPE_CHECKING, NamedTuple

# Most hosts do not need these readers, so the functions that use them import them.
if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.identity.dmi import Machine
    from vfioguard.kernel.identity.processor import Processor
    from vfioguard.kernel.log import Log


class Boot(NamedTuple):
    """Parts that stay until the next boot. `machine` and `processor` are None without an IVRS."""

    kernel: Kernel
    acpi: acpi_tables.AcpiTables
    machine: Reading[Machine] | None
    processor: Reading[Processor] | None


def take(root: Root) -> Snapshot:
    """Read the whole host once. Every failure is a gap; nothing is written."""
    return complete(root, boot(root), Earlier())


def boot(root: Root) -> Boot:
    """Read the kernel, the tables, and if there is an IVRS the machine, because Linux does so."""
    acpi = acpi_tables.read(root)
    amd = isinstance(acpi.ivrs, Fact)
    kernel = running.read(root, ivrs=amd)
    if not amd:
        return Boot(kernel=kernel, acpi=acpi, machine=None, processor=None)
    from vfioguard.kernel.identity import dmi, processor

    return Boot(kernel=kernel, acpi=acpi, machine=dmi.read(root), processor=processor.read(root))


def complete(root: Root, still: Boot, earlier: Earlier) -> Snapshot:
    """Complete a Snapshot: read the parts that may change before the next boot.

    Parts that `earlier` has and that still hold are not read.
    """
    kernel = still.kernel
    iommus = iommu_class.read(root)
    irqs = irq.directory(root)
    bus, functions = _pci(root, irqs, earlier)
    x86 = is_x86(kernel.arch)
    wires = interrupts(root, irqs, earlier, x86=x86)
    chipset = None
    if x86 and bus is not None and isinstance(functions, Fact):
        seen = remapping_seen(wires, functions.value)
        chipset = None if seen else _chipset(bus, functions.value)
        known = [
            with_capability(bus, device, earlier.device(device.name), seen=seen)
            for device in functions.value
        ]
        functions = functions._replace(value=tuple(known))
    groups = group_members.read(root, irqs, iommus, functions, earlier)
    alone = group_members.ungrouped(functions, groups)
    if x86 and bus is not None:
        groups, alone = memory_holders.with_bridges(bus, groups, alone, earlier)
    overrides = parameters(root, kernel)
    return Snapshot(
        kernel=kernel,
        parameters=overrides,
        iommus=iommus,
        interrupts=wires,
        groups=groups,
        devices=alone,
        acpi=still.acpi,
        wiring=None if x86 else _wiring(root, functions, groups, earlier),
        machine=still.machine,
        processor=still.processor,
        chipset=chipset,
        modules=module_param.modules(root, overrides),
        container=container(root, kernel, overrides, wires.log, earlier.container),
        site=Site(root),
        denylist=denylist(root, kernel, every_device(groups, alone)),
        unloadable=unloadable(root, kernel),
    )


def parameters(root: Root, kernel: Kernel) -> tuple[module_param.Parameter, ...]:
    """Both overrides and the no-IOMMU mode as they are now."""
    return tuple(
        module_param.read(root, module, name, kernel.cmdline)
        for module, name in (TYPE1, IOMMUFD, NOIOMMU)
    )


def denylist(root: Root, kernel: Kernel, every: Iterable[Device]) -> module_param.Parameter | None:
    """The parameter that lets vfio-pci take the devices of its list, if there is such a device."""
    listed = ids.ALL
    for device in every:
        event = device.uevent
        if isinstance(event, Fact) and event.value.pci_id in listed:
            return module_param.read(root, *DENYLIST, kernel.cmdline)
    return None


def unloadable(root: Root, kernel: Kernel) -> Fact[str] | None:
    """What keeps vfio-pci from being loaded, or None."""
    return loadable.hindrance(root, kernel.release, kernel.config, kernel.cmdline)


def container(
    root: Root,
    kernel: Kernel,
    overrides: tuple[module_param.Parameter, ...],
    log: Reading[Log] | None,
    earlier: Reading[bool] | None,
) -> Reading[bool] | None:
    """Whether VFIO provides /dev/vfio/vfio.

    Returns None, and reads nothing, unless only iommufd is seen to be loaded: else no verdict
    depends on it. `earlier` is the answer of an earlier reading, which still holds.
    """
    loaded = {parameter.module for parameter in overrides if isinstance(parameter.current, Fact)}
    if isinstance(kernel.config, Fact) or loaded.isdisjoint({IOMMUFD[0]}) or TYPE1[0] in loaded:
        return None
    if isinstance(earlier, Fact):
        return earlier
    from vfioguard.kernel import container

    return container.read(root, log)


def _chipset(bus: Directory, functions: tuple[Device, ...]) -> Reading[tuple[str, int]] | None:
    from vfioguard.kernel.pci import chipset

    return chipset.revision(bus, functions)


def _wiring(
    root: Root,
    functions: Reading[tuple[Device, ...]],
    groups: Reading[tuple[Members, ...]],
    earlier: Earlier,
) -> Wiring:
    """The wiring of PCI functions and of group members on other buses.

    On other hosts than x86 the kernel finds their MSI domains through it.
    """
    from vfioguard.kernel.firmware import wiring

    others = {
        device.name: device.uevent.source.rpartition("/")[0]
        for members in (groups.value if isinstance(groups, Fact) else ())
        for device in members.devices
        if device.bus != "pci"
    }
    names = [device.name for device in functions.value] if isinstance(functions, Fact) else []
    return wiring.read(root, names, others, earlier.wiring, earlier.changed or frozenset())


def _pci(
    root: Root, irqs: Directory, earlier: Earlier
) -> tuple[Directory | None, Reading[tuple[Device, ...]]]:
    names = listing(root, devices.PCI)
    if isinstance(names, Gap):
        return None, names
    bus = root.under(devices.PCI)
    functions = tuple(
        [earlier.function(name, partial(devices.read_pci, bus, irqs, name)) for name in names.value]
    )
    return bus, Fact(functions, names.raw, names.source)


def interrupts(root: Root, irqs: Directory, earlier: Earlier, *, x86: bool) -> Interrupts:
    """The files that show how interrupts are routed."""
    wired = irq.wired(irqs) if x86 else ()
    on_io_apic = any(
        isinstance(entry.chip, Fact) and entry.chip.value.endswith("IO-APIC") for entry in wired
    )
    return Interrupts(
        wired=wired,
        proc=proc_interrupts.read(root),
        domains=irq_domains.read(root),
        ir_translation=ir_translation.read(root),
        # The log takes thousands of system calls, so it is read only if no interrupt tells.
        log=None if on_io_apic else earlier.log or _log(root),
    )


def _log(root: Root) -> Reading[Log]:
    from vfioguard.kernel import log

    return log.read(root)
