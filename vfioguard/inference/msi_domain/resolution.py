"""The MSI domain that firmware gives a device: the kernel's resolution, three-valued.

A `Domain` is a pair of answers: whether there is one, and whether it exists and isolates. If a
lookup finds nothing, the next lookup counts, as pci_set_msi_domain() falls back to the bus.
"""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.fact import Gap, Reading, Why
from vfioguard.inference.msi_domain.claims import has_domain, has_isolated
from vfioguard.kernel.log import Log
from vfioguard.logic import Answer, Claim, ask, every, some
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple

_MBI = Claim(
    "the kernel's log shows an MBI range in use", "the kernel's log shows no MBI range in use"
)


class Domain(NamedTuple):
    """`exists`: the device is linked to an MSI domain. `isolated`: it is, and that one isolates."""

    exists: Answer
    isolated: Answer


def no_domain(claim: str, reading: Reading[object]) -> Domain:
    """The result of a lookup that finds nothing, as `reading` shows."""
    nothing = ask(claim, reading, lambda _: False)
    return Domain(nothing, nothing)


def unknown(claim: str, reading: Reading[object]) -> Domain:
    """The result of a lookup that cannot be followed, because `reading` does not tell."""
    answer = ask(claim, reading, lambda _: None)
    return Domain(answer, answer)


def first_of(name: str, chain: Sequence[Domain]) -> Domain:
    """The result of the first lookup that finds a domain for `name`; the last may find none."""
    *earlier, last = chain
    exists, isolated = last
    there, isolates = has_domain(name), has_isolated(name)
    for lookup in reversed(earlier):
        later = every(isolates, (~lookup.exists, isolated))
        parts = (lookup.isolated, later)
        if lookup.exists.truth is False and exists.truth is not False:
            parts = (later, lookup.isolated)  # a reason begins with the domain that there may be
        isolated = some(isolates, parts)
        exists = some(there, (lookup.exists, exists))
    return Domain(exists, isolated)


def either(claim: str, forms: Sequence[Domain], proof: Reading[object]) -> Domain:
    """The result of a lookup that the kernel makes in one of `forms`: known if all agree."""
    first, *others = forms
    differs = Claim(f"{claim} (kernels differ)", unknown=f"kernels differ on whether {claim}")

    def common(answers: list[Answer]) -> Answer:
        agreed = len({answer.truth for answer in answers}) == 1
        return answers[0] if agreed else ask(differs, proof, lambda _: None)

    return Domain(
        common([first.exists, *(form.exists for form in others)]),
        common([first.isolated, *(form.isolated for form in others)]),
    )


def mbi_used(snapshot: Snapshot) -> Answer:
    """Whether the GICv3 raises SPIs by message; only then its `mbi-ranges` count.

    gic_init_bases() logs its SPIs and then calls mbi_init(), which logs each range
    (drivers/irqchip/irq-gic-v3.c, irq-gic-v3-mbi.c, 5.10.223 to 7.3.4).
    """
    log = snapshot.interrupts.log or Gap(Why.ABSENT, "/dev/kmsg", "not read")
    return ask(_MBI, log, _mbi)


def _mbi(log: Log) -> bool | None:
    ranges = any(line.startswith("GICv3: MBI range") for line in log)
    if "GICv3: Failed to initialize MBIs" in log:
        return None
    begun = any(line.startswith("GICv3: ") and line.endswith(" SPIs implemented") for line in log)
    return ranges or (False if begun else None)
