"""Controllers whose chip has the bare name `MSI` or `pMSI`; none of them sets the flag.

`MSI` is the PCI chip of GICv2m, GICv3 MBI and Tango up to v6.10, and of Layerscape SCFG and
MediaTek gen3 up to v6.12. `pMSI` is the platform chip of GICv2m and GICv3 MBI up to v6.10. Later
it is the platform chip of parents without a prefix (RISC-V IMSIC).
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="MSI controller without isolation",
    chips=frozenset({"MSI", "pMSI"}),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c, irq-ls-scfg-msi.c, drivers/pci/controller",
)
