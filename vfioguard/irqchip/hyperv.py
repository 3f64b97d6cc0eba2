"""Hyper-V virtual PCI up to v6.14; from v6.18 the prefix is `HV-` (host_bridge.py)."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="Hyper-V vPCI",
    chips=frozenset({"Hyper-V PCIe MSI"}),
    isolates=False,
    source="drivers/pci/controller/pci-hyperv.c",
)
