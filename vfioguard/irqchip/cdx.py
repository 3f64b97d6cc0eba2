"""AMD CDX: its domain stands on whichever MSI controller the controller's `msi-map` names.

An ITS in practice ("unable to locate ITS domain", cdx_msi_domain_init()), and nobody proves it: the
domain lacks MSI_FLAG_DEV_SYSFS, so no `msi_irqs` shows this chip in v6.12 to v7.3.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="CDX",
    chips=frozenset({"CDX-MSI"}),
    isolates=None,
    source="drivers/cdx/cdx_msi.c",
)
