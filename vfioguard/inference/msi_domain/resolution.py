"""The MSI domain that firmware gives a device: the kernel's resolution, three-valued.

A `Domain` is a pair of answers: whether there is one, and whether it exists and isolates. What a
lookup does not find falls back to the next, as pci_set_msi_domain() falls back to the bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vfioguard.fact import Gap, Reading, Why
from vfioguard.kernel.log import Log
from vfioguard.logic import Answer, ask, every, some
from vfioguard.snapshot import Snapshot


class Domain(NamedTuple):
    """`exists`: the device is linked to an MSI domain; `isolated`: and that one isolates."""

    exists: Answer
    isolated: Answer


def no_domain(claim: str, reading: Reading[object]) -> Domain:
    """A lookup that finds nothing, by this reading."""
    nothing = ask(claim, reading, lambda _: False)
    return Domain(nothing, nothing)


def unknown(claim: str, reading: Reading[object]) -> Domain:
    """A lookup that cannot be followed."""
    answer = ask(claim, reading, lambda _: None)
    return Domain(answer, answer)


def first_of(claim: str, chain: Sequence[Domain]) -> Domain:
    """The first lookup that finds a domain; later ones count only where earlier find none."""
    *earlier, last = chain
    exists, isolated = last
    for one in reversed(earlier):
        isolated = some(claim, (one.isolated, every(claim, (~one.exists, isolated))))
        exists = some(claim, (one.exists, exists))
    return Domain(exists, isolated)


def either(claim: str, forms: Sequence[Domain], proof: Reading[object]) -> Domain:
    """What a lookup finds by each form of the kernel that this may be: known if all agree."""
    first, *others = forms

    def same(answers: list[Answer]) -> Answer:
        agreed = len({answer.truth for answer in answers}) == 1
        return answers[0] if agreed else ask(f"{claim} (kernels differ)", proof, lambda _: None)

    return Domain(
        same([first.exists, *(form.exists for form in others)]),
        same([first.isolated, *(form.isolated for form in others)]),
    )


def mbi_used(snapshot: Snapshot) -> Answer:
    """Whether the GICv3 raises SPIs by message; its `mbi-ranges` count only if it can.

    gic_init_bases() logs its SPIs, and mbi_init(), which it calls thereafter, each range
    (drivers/irqchip/irq-gic-v3.c, irq-gic-v3-mbi.c, 5.10.223 to 7.3.4).
    """
    log = snapshot.interrupts.log or Gap(Why.ABSENT, "/dev/kmsg", "not read")
    return ask("the kernel's log shows an MBI range in use", log, _mbi)


def _mbi(log: Log) -> bool | None:
    ranges = any(line.startswith("GICv3: MBI range") for line in log)
    if "GICv3: Failed to initialize MBIs" in log:
        return None
    begun = any(line.startswith("GICv3: ") and line.endswith(" SPIs implemented") for line in log)
    return ranges or (False if begun else None)
