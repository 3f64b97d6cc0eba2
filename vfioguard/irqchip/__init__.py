"""One file per irqchip family: how its MSI chips are called, and whether they isolate MSIs.

A chip is what /sys/kernel/irq/N/chip_name shows for an MSI. From v6.2 (x86) and v6.11 (arm64) the
kernel appends the device, "PCI-MSIX-0000:01:00.0" (kernel/irq/msi.c,
msi_create_device_irq_domain()), which is taken off before a family is asked.
"""

from typing import NamedTuple


class Irqchip(NamedTuple):
    """`chips` are the chip names, without their device.

    `isolates`: whether the kernel sets IRQ_DOMAIN_FLAG_ISOLATED_MSI on the family's domain, or the
    v6.2 and older equivalent. `its`: an Arm ITS, which a Synquacer pre-ITS in front of it defeats.
    """

    family: str
    chips: frozenset[str]
    isolates: bool
    source: str
    its: bool = False
