"""Texas Instruments K3 interrupt aggregator: events of platform devices.

Its domain has no parent (ti_sci_inta_irq_domain_probe()).
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="TI SCI INTA",
    chips=frozenset({"MSI-INTA"}),
    isolates=False,
    source="drivers/irqchip/irq-ti-sci-inta.c",
)
