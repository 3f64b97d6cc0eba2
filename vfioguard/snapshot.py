"""The host at one moment: everything that the policies ask for, each fact with its source."""

# No string annotations: NamedTuple compiles each of them, a millisecond in all at every start.
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.kernel import (
    acpi_tables,
    arch,
    cmdline,
    config,
    devices,
    hypervisor,
    iommu_class,
    iommu_groups,
    ir_translation,
    irq,
    irq_domains,
    module_param,
    osrelease,
    proc_interrupts,
    symbols,
)
from vfioguard.kernel.config import Config
from vfioguard.kernel.devices import Device
from vfioguard.root import Directory, Root, listing

# What most hosts do not need is imported where it is read.
if TYPE_CHECKING:
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


class Members(NamedTuple):
    """A group with its devices; `complete` proves that there are no others, or is a gap."""

    group: iommu_groups.Group
    devices: tuple[Device, ...]
    complete: Reading[object]


class Snapshot(NamedTuple):
    """The host. `devices` are those without a group; `wiring` is None on x86."""

    kernel: Kernel
    parameters: tuple[module_param.Parameter, ...]
    iommus: Reading[tuple[iommu_class.Iommu, ...]]
    interrupts: Interrupts
    groups: Reading[tuple[Members, ...]]
    devices: tuple[Device, ...]
    acpi: acpi_tables.AcpiTables
    wiring: "Wiring | None"

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
    groups = _groups(root, irqs, iommus, functions)
    return Snapshot(
        kernel,
        tuple(
            module_param.read(root, module, name, kernel.cmdline)
            for module, name in (TYPE1, IOMMUFD, NOIOMMU)
        ),
        iommus,
        interrupts,
        groups,
        _ungrouped(functions, groups),
        acpi_tables.read(root),
        None if x86 else _wiring(root, functions, groups),
    )


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


def _groups(
    root: Root,
    irqs: Directory,
    iommus: Reading[tuple[iommu_class.Iommu, ...]],
    functions: Reading[tuple[Device, ...]],
) -> Reading[tuple[Members, ...]]:
    numbers = iommu_groups.numbers(root)
    if isinstance(numbers, Gap):
        return numbers
    found: dict[int, list[Device]] = {number: [] for number in numbers.value}
    known = _known_members(found, iommus, functions)
    others = _with_other_members(root, iommus) if known else set[int]()
    lost = others is None or not others <= found.keys()
    known = {} if lost else {n: proof for n, proof in known.items() if n not in (others or ())}
    reader = iommu_groups.Reader(root.under(iommu_groups.PATH))
    members: list[Members] = []
    for number in sorted(found):
        complete: Reading[object] | None = known.get(number)
        if complete is None:
            complete = _list(root, irqs, reader, number, found[number])
        members.append(Members(reader.group(number), tuple(found[number]), complete))
    return Fact(tuple(members), numbers.raw, numbers.source)


def _known_members(
    found: dict[int, list[Device]],
    iommus: Reading[tuple[iommu_class.Iommu, ...]],
    functions: Reading[tuple[Device, ...]],
) -> dict[int, Fact[tuple[str, ...]]]:
    """Fill in the PCI members; return the groups whose IOMMU names all devices that it manages.

    iommu_device_link() links every device that the IOMMU driver probes, whatever its bus, so a
    group all of whose PCI members are linked, and that no other linked device is in, is complete.
    Where any link or list of them is lost, no group is known to be.
    """
    if isinstance(functions, Gap):
        return {}
    managed: dict[str, Fact[tuple[str, ...]]] = {}
    lost = False
    for unit in iommus.value if isinstance(iommus, Fact) else ():
        if isinstance(unit.devices, Gap):
            lost = True
        else:
            managed.update(dict.fromkeys(unit.devices.value, unit.devices))
    known: dict[int, Fact[tuple[str, ...]]] = {}
    unlinked: set[int] = set()
    placed = 0
    for device in functions.value:
        if isinstance(device.group, Gap):
            lost = lost or device.group.why is not Why.ABSENT
            continue
        lost = lost or device.group not in found
        found.setdefault(device.group, []).append(device)
        manager = managed.get(device.name)
        if manager is None:
            unlinked.add(device.group)
        else:
            known[device.group] = manager
            placed += 1
    # A managed device is in some group; is there one of which we do not know in which?
    if lost or placed < sum(map(devices.is_pci, managed)):
        return {}
    return {number: proof for number, proof in known.items() if number not in unlinked}


def _with_other_members(
    root: Root, iommus: Reading[tuple[iommu_class.Iommu, ...]]
) -> set[int] | None:
    """The groups of managed devices that are not on the PCI bus; None: of one it is not known."""
    numbers: set[int] = set()
    for unit in iommus.value if isinstance(iommus, Fact) else ():
        names = unit.devices.value if isinstance(unit.devices, Fact) else ()
        others = [name for name in names if not devices.is_pci(name)]
        if others:
            links = root.under(f"{iommu_class.PATH}/{unit.name}/devices")
            for name in others:
                number = devices.group(links, name)
                if isinstance(number, Gap):
                    return None
                numbers.add(number)
    return numbers


def _list(
    root: Root,
    irqs: Directory,
    reader: iommu_groups.Reader,
    number: int,
    found: list[Device],
) -> Reading[object]:
    """Add the members that were not found through their bus."""
    members = reader.members(number)
    if isinstance(members, Gap):
        return members
    have = {device.name for device in found}
    missing = [member for member in members.value if member.name not in have]
    if missing:
        links = root.under(f"{iommu_groups.PATH}/{number}/devices")
        found += (devices.read_other(links, irqs, m.entry, m.name) for m in missing)
        found.sort(key=lambda device: device.name)
    return members
