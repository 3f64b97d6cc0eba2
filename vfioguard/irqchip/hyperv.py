"""Hyper-V virtual PCI, and the MSIs of its root partition (arch/x86/hyperv). `HV-` from v7.2.

On Arm the parent of its domain is the GIC, never an ITS (hv_pci_irqchip_init()).
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Hyper-V vPCI",
    chips=frozenset({"Hyper-V PCIe MSI"}) | below("HV-"),
    isolates=False,
    source="drivers/pci/controller/pci-hyperv.c, arch/x86/hyperv/irqdomain.c",
)
