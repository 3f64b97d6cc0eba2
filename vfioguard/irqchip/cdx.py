"""AMD CDX: the parent of its domain is whichever MSI controller its `msi-map` names.

In practice that is an ITS ("unable to locate ITS domain", cdx_msi_domain_init()), but nothing
proves it. The domain lacks MSI_FLAG_DEV_SYSFS, so no `msi_irqs` shows this chip in v6.12 to v7.3.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="CDX",
    chips=frozenset({"CDX-MSI"}),
    isolates=None,
    source="drivers/cdx/cdx_msi.c",
)
