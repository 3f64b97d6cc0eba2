"""Controllers whose chip is plainly called `MSI` or `pMSI`: GICv2m, MBI, X-Gene, iProc, ls-scfg up
to v6.10, and ls-scfg's later `MSI-PCI-MSI`. None of them sets the flag."""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="MSI controller without isolation",
    chips=re.compile(r"p?MSI|MSI-PCI-MSIX?"),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c, irq-ls-scfg-msi.c, drivers/pci/controller",
)
