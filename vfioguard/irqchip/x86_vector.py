"""x86 without remapping, and every other controller that shows the generic PCI chip.

RISC-V's IMSIC, s390 (where the architecture isolates, not the chip), DesignWare on Arm up to v6.12,
and Tegra, X-Gene and Apple in v7.2 have the same name. None of them sets the flag.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="generic PCI-MSI",
    chips=frozenset({"PCI-MSI", "PCI-MSIX"}),
    isolates=False,
    source="arch/x86/kernel/apic/msi.c, drivers/irqchip/irq-riscv-imsic-platform.c",
)
