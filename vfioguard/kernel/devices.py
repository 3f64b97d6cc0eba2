"""/sys/bus/*/devices: the devices that can be members of an IOMMU group.

Documentation/ABI/testing/sysfs-bus-pci. From a device's first MSI until its driver unbinds,
`msi_irqs/` has one entry per interrupt. All of them come from one parent domain, so only the first
is looked up in /sys/kernel/irq.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, printable
from vfioguard.fact import parse as parse_raw
from vfioguard.kernel import sriov, uevent, vfio_dev
from vfioguard.kernel.interrupts import irq
from vfioguard.kernel.vfio_dev import OnVfio
from vfioguard.root import Directory
from vfioguard.typed import NamedTuple

PCI = "/sys/bus/pci/devices"
_PCI_NAME = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


class Device(NamedTuple):
    """A device. `bus` is its subsystem's name; `group` its group's number, or why it has none.

    `chip` is the irq_chip of the first interrupt of `msi_irqs`, or None if it has no interrupt.
    `msi_capability` (PCI only): whether the function has MSI or MSI-X (kernel/pci/pci_config.py).
    `bridges`: the functions above it, from the root bus down (reading/memory_holders.py). Both are
    None if they were not read because no verdict needs them. `vfs` is the number of virtual
    functions that are enabled, or None if there are none. `vfio` is what a VFIO driver shows.
    """

    name: str
    bus: str
    group: int | Gap
    uevent: Reading[uevent.Uevent]
    msi_irqs: Reading[Sequence[int]]
    chip: Reading[str] | None
    msi_capability: Reading[bool] | None = None
    bridges: Reading[tuple[str, ...]] | None = None
    vfs: Reading[int] | None = None
    vfio: OnVfio | None = None

    @property
    def driver(self) -> str | None:
        """The bound driver. Returns None if no driver is bound or `uevent` cannot be read."""
        return self.uevent.value.driver if isinstance(self.uevent, Fact) else None


def is_pci(name: str) -> bool:
    """Whether `name` is a PCI function's: "0000:00:02.0"."""
    return _PCI_NAME.fullmatch(name) is not None


def read_pci(bus: Directory, irqs: Directory, name: str) -> Device:
    """The PCI function `name` below `bus`, which is `PCI`. A file that vanished leaves a gap."""
    number, event = group(bus, name), _uevent(bus, name)
    vfio = vfio_dev.of_driver(bus, name, event.value.driver if isinstance(event, Fact) else None)
    # A virtual function has none itself. For others this comes before the MSIs: it waits for a
    # driver that enables them, and igb then gets other MSIs.
    virtual = vfio is not None and isinstance(vfio.physfn, Fact)
    vfs = None if virtual else sriov.enabled(bus, name)
    interrupts, chip = msi(bus, irqs, name)
    return Device(
        name=printable(name),
        bus="pci",
        group=number,
        uevent=event,
        msi_irqs=interrupts,
        chip=chip,
        vfs=vfs,
        vfio=vfio,
    )


def read_other(members: Directory, irqs: Directory, entry: str, name: str) -> Device:
    """The device `name` of any bus; `entry` is its link in the directory `members`."""
    try:
        bus = printable(members.readlink(f"{entry}/subsystem").rpartition("/")[2])
    except OSError:
        bus = ""  # nothing is concluded from an unknown bus
    number, event = group(members, entry), _uevent(members, entry)
    interrupts, chip = msi(members, irqs, entry)
    driver = event.value.driver if isinstance(event, Fact) else None
    return Device(
        name=printable(name),
        bus=bus,
        group=number,
        uevent=event,
        msi_irqs=interrupts,
        chip=chip,
        vfs=sriov.enabled(members, entry) if bus == "pci" else None,
        vfio=vfio_dev.of_driver(members, entry, driver),
    )


def group(bus: Directory, name: str) -> int | Gap:
    """The number of the group that the device's `iommu_group` link names."""
    try:
        target = bus.readlink(f"{name}/iommu_group")
    except OSError as error:
        return gap_from(error, f"{bus.prefix}{name}/iommu_group")
    number = target.rpartition("/")[2]
    if number.isascii() and number.isdecimal() and len(number) < 10:
        return int(number)
    detail = f"not a link to a group: {target!a:.64}"
    return Gap(Why.MALFORMED, printable(f"{bus.prefix}{name}/iommu_group"), detail)


def _uevent(bus: Directory, name: str) -> Reading[uevent.Uevent]:
    path = f"{name}/uevent"
    try:
        raw = bus.read(path)
    except OSError as error:
        return gap_from(error, bus.prefix + path)
    return parse_raw(uevent.select(raw), bus.prefix + path, uevent.parse)


def msi(
    bus: Directory, irqs: Directory, name: str
) -> tuple[Reading[Sequence[int]], Reading[str] | None]:
    """The interrupts of a device's MSIs, and the chip of the first; None if there is no interrupt.

    A guest changes its device's interrupts without a uevent.
    """
    interrupts = _msi_irqs(bus, name)
    if isinstance(interrupts, Gap) or not interrupts.value:
        return interrupts, None
    return interrupts, irq.chip_name(irqs, interrupts.value[0])


def _msi_irqs(bus: Directory, name: str) -> Reading[Sequence[int]]:
    path = f"{name}/msi_irqs"
    try:
        names = bus.listdir(path)
    except OSError as error:
        return gap_from(error, bus.prefix + path)
    source = printable(bus.prefix + path)
    if not names:
        return Fact((), b"", source)
    joined = "".join(names)
    if not (joined.isascii() and joined.isdecimal()):
        return Gap(Why.MALFORMED, source, f"not interrupts: {sorted(names)!a:.64}")
    numbers = sorted(map(int, names))
    first, last = numbers[0], numbers[-1]
    # Numbers that follow each other are kept as a range: 48 bytes for all instead of 36 for each.
    dense = last - first == len(numbers) - 1
    interrupts = range(first, last + 1) if dense else tuple(numbers)
    return Fact(interrupts, " ".join(map(str, numbers)).encode(), source)
