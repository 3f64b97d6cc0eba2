"""/sys/kernel/irq/N/chip_name: the top irq_chip of one interrupt.

Documentation/ABI/testing/sysfs-kernel-irq (v4.9). The chip of an MSI tells which domain allocated
it. The chip of a wired x86 interrupt tells whether the IO-APIC's interrupts are remapped.
"""

from __future__ import annotations

from vfioguard.fact import Gap, Reading, gap_from, parse
from vfioguard.root import Directory, Root, text
from vfioguard.typed import NamedTuple

PATH = "/sys/kernel/irq"
#: The names of x86 chips whose interrupts are remapped begin so (irqchip/x86_remapping.py).
REMAPPED = ("IR-", "vIR-")
#: Global system interrupts of the first IO-APIC. MSIs have higher numbers than all wired ones.
_WIRED = range(24)


class WiredIrq(NamedTuple):
    """A wired interrupt and its chip ("IO-APIC", "IR-IO-APIC", "XT-PIC")."""

    irq: int
    chip: Reading[str]


def directory(root: Root) -> Directory:
    """The directory, opened once for all interrupts of a snapshot."""
    return root.under(PATH)


def chip_name(irqs: Directory, irq: int) -> Reading[str]:
    """The chip of interrupt `irq`; "" if the chip has no name."""
    path = f"{irq}/chip_name"
    try:
        raw = irqs.read(path)
    except OSError as error:
        return gap_from(error, irqs.prefix + path)
    return parse(raw, irqs.prefix + path, text)


def wired(irqs: Directory) -> tuple[WiredIrq, ...]:
    """x86's wired interrupts up to the first on an IO-APIC: all IO-APICs are treated alike."""
    interrupts: list[WiredIrq] = []
    for irq in _WIRED:
        chip = chip_name(irqs, irq)
        if isinstance(chip, Gap) and chip.why == "absent":
            continue
        interrupts.append(WiredIrq(irq, chip))
        if not isinstance(chip, Gap) and chip.value.endswith("IO-APIC"):
            break
    return tuple(interrupts)
