"""x86's interrupt remapping is on, or off."""

from __future__ import annotations

from vfioguard.assumption import (
    Assumption,
    NotHere,
    source,
    without_witnesses,
    without_words,
)
from vfioguard.fact import Fact, Reading
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.interrupts.irq import WiredIrq
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.snapshot import Snapshot

_WORDS = ("intremap", "nointremap")


def _assume(snapshot: Snapshot, on: bool) -> Snapshot:
    if not is_x86(snapshot.kernel.arch):
        raise NotHere("intremap is a state of x86, which this host is not")
    where = source("intremap", on)
    chip = "IR-IO-APIC" if on else "IO-APIC"
    changed = without_witnesses(without_words(snapshot, _WORDS), where)
    wired = (WiredIrq(0, Fact(chip, chip.encode(), where)),)
    interrupts = changed.interrupts._replace(wired=wired)
    return changed._replace(interrupts=interrupts, iommus=_silent(changed), chipset=None)


def _silent(snapshot: Snapshot) -> Reading[tuple[Iommu, ...]]:
    """The units without their registers, which say what they can do."""
    iommus = snapshot.iommus
    if not isinstance(iommus, Fact):
        return iommus
    return iommus._replace(value=tuple([unit._replace(attributes={}) for unit in iommus.value]))


ASSUMPTION = Assumption("intremap", "x86's interrupt remapping", _assume)
