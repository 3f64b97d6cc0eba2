"""/sys/bus/*/devices: the devices that can be members of an IOMMU group.

Documentation/ABI/testing/sysfs-bus-pci. A device's MSIs are in `msi_irqs/` from its first MSI until
its driver unbinds, one entry per interrupt; all of them come from one parent domain, so one of them
is looked up in /sys/kernel/irq.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, printable
from vfioguard.fact import parse as parse_raw
from vfioguard.kernel import uevent
from vfioguard.kernel.interrupts import irq
from vfioguard.root import Directory

PCI = "/sys/bus/pci/devices"
_PCI_NAME = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


class Device(NamedTuple):
    """`bus` is the kernel's subsystem name; `group` the number, or why there is none.

    `chip` is the irq_chip of the first entry of `msi_irqs`, None where there is no entry.
    `msi_capability` (PCI only): whether the function has MSI or MSI-X (kernel/pci/pci_config.py).
    `bridges`: the functions above it from the root bus down (reading/memory_holders.py). Both are
    None where nobody needed to know.
    """

    name: str
    bus: str
    group: int | Gap
    uevent: Reading[uevent.Uevent]
    msi_irqs: Reading[Sequence[int]]
    chip: Reading[str] | None
    msi_capability: Reading[bool] | None = None
    bridges: Reading[tuple[str, ...]] | None = None

    @property
    def driver(self) -> str | None:
        """The bound driver, None where there is none or it cannot be read."""
        return self.uevent.value.driver if isinstance(self.uevent, Fact) else None


def is_pci(name: str) -> bool:
    """Whether a device is named as a PCI function."""
    return _PCI_NAME.fullmatch(name) is not None


def read_pci(bus: Directory, irqs: Directory, name: str) -> Device:
    """One PCI function below `PCI`; whatever vanishes meanwhile is a gap."""
    own = _uevent(bus, name)
    return Device(printable(name), "pci", group(bus, name), own, *msi(bus, irqs, name))


def read_other(members: Directory, irqs: Directory, entry: str, name: str) -> Device:
    """A device of any bus, by its entry in a directory of links to devices."""
    try:
        bus = printable(members.readlink(f"{entry}/subsystem").rpartition("/")[2])
    except OSError:
        bus = ""  # nothing is concluded from an unknown bus
    number = group(members, entry)
    own = _uevent(members, entry)
    return Device(printable(name), bus, number, own, *msi(members, irqs, entry))


def group(bus: Directory, name: str) -> int | Gap:
    """The number of the group that `iommu_group` links to."""
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
    """The interrupts of a device's MSIs, which guests change without a uevent; the first's chip."""
    found = _msi_irqs(bus, name)
    if isinstance(found, Gap) or not found.value:
        return found, None
    return found, irq.chip_name(irqs, found.value[0])


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
    # Most follow each other: as a range they take 48 bytes and not 36 each.
    dense = last - first == len(numbers) - 1
    found = range(first, last + 1) if dense else tuple(numbers)
    return Fact(found, " ".join(map(str, numbers)).encode(), source)
