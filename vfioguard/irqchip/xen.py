"""Xen event channels in place of MSIs: the domain has no parent and no flag."""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="Xen",
    chips=re.compile(r"xen-.*"),
    isolates=False,
    source="drivers/xen/events/events_base.c, arch/x86/pci/xen.c",
)
