"""What a device's own directory says of its surroundings: NUMA node, unit, port, resets.

Documentation/ABI/testing/sysfs-bus-pci; no file here touches the hardware.
"""

from __future__ import annotations

from vfioguard.fact import Fact, printable
from vfioguard.kernel.devices import PCI
from vfioguard.kernel.pci import pci_topology
from vfioguard.root import Root

_MDEV = "/sys/bus/mdev/devices"
_METHODS = 16


def unit(root: Root, name: str) -> str | None:
    """The IOMMU in front of the function (drivers/iommu/iommu-sysfs.c iommu_device_link())."""
    return _linked(root, f"{PCI}/{name}/iommu")


def port(root: Root, name: str) -> str | None:
    """The bridge right above the function. Returns None if it is on a root bus."""
    above = pci_topology.bridges(root.under(PCI), name)
    return above.value[-1] if isinstance(above, Fact) and above.value else None


def numa_node(root: Root, name: str) -> int | None:
    """The NUMA node. Returns None if firmware names none (-1)."""
    text = _text(root, f"{PCI}/{name}/numa_node")
    return int(text) if text and text.isdecimal() and len(text) < 6 else None


def reset_methods(root: Root, name: str) -> tuple[str, ...] | None:
    """The methods in the order in which the kernel tries them, since v5.15. None if not known."""
    text = _text(root, f"{PCI}/{name}/reset_method")
    return None if text is None else tuple(text.split()[:_METHODS])


def mdev_parent(root: Root, name: str) -> str | None:
    """The device that a mediated device is a part of. Returns None for any other device."""
    try:
        target = root.readlink(f"{_MDEV}/{name}")
    except OSError:
        return None
    parent = target.rpartition("/")[0].rpartition("/")[2]
    return printable(parent) or None


def _linked(root: Root, path: str) -> str | None:
    try:
        return printable(root.readlink(path).rpartition("/")[2]) or None
    except OSError:
        return None


def _text(root: Root, path: str) -> str | None:
    try:
        return printable(root.read(path).decode("ascii", "replace").removesuffix("\n"))
    except OSError:
        return None
