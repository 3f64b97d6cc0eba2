"""PCI class codes in words (include/linux/pci_ids.h; PCI Code and ID Assignment 1.16, chapter 1).

Only what people hand to guests, or meet beside it, has words of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_BASES: Mapping[int, str] = MappingProxyType({
    0x00: "unclassified device", 0x01: "storage controller", 0x02: "network controller",
    0x03: "display controller", 0x04: "multimedia controller", 0x05: "memory controller",
    0x06: "bridge", 0x07: "communication controller", 0x08: "system peripheral",
    0x09: "input device", 0x0A: "docking station", 0x0B: "processor",
    0x0C: "serial bus controller", 0x0D: "wireless controller", 0x0E: "intelligent controller",
    0x0F: "satellite controller", 0x10: "encryption controller",
    0x11: "signal processing controller", 0x12: "processing accelerator",
    0x13: "non-essential instrumentation", 0xFF: "unassigned class",
})  # fmt: skip
_SUBS: Mapping[int, str] = MappingProxyType({
    0x0100: "SCSI controller", 0x0101: "IDE controller", 0x0104: "RAID controller",
    0x0106: "SATA controller", 0x0107: "SAS controller", 0x0108: "NVMe controller",
    0x0200: "Ethernet controller", 0x0207: "InfiniBand controller",
    0x0208: "Fabric controller", 0x0300: "VGA controller", 0x0302: "3D controller",
    0x0380: "display controller", 0x0401: "multimedia audio controller", 0x0403: "audio device",
    0x0502: "CXL memory", 0x0600: "host bridge", 0x0601: "ISA bridge", 0x0604: "PCI bridge",
    0x0680: "bridge", 0x0700: "serial controller", 0x0800: "interrupt controller",
    0x0806: "IOMMU", 0x0C03: "USB controller", 0x0C04: "Fibre Channel controller",
    0x0C05: "SMBus controller", 0x0C06: "InfiniBand controller", 0x0D11: "Bluetooth controller",
    0x1000: "network and computing encryption controller",
})  # fmt: skip


def words(code: int) -> str:
    """The words for a 24-bit class code: "Ethernet controller" for 0x020000."""
    base = _BASES.get(code >> 16, "device of a class not listed")
    return _SUBS.get(code >> 8, base)
