"""Controllers whose chip is plainly called `MSI` or `pMSI`; none of them sets the flag.

Up to v6.10: GICv2m, MBI, X-Gene, iProc, ls-scfg and others; ls-scfg's later form is `MSI-PCI-MSI`.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="MSI controller without isolation",
    chips=frozenset({"MSI", "pMSI", "MSI-PCI-MSI", "MSI-PCI-MSIX"}),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c, irq-ls-scfg-msi.c, drivers/pci/controller",
)
