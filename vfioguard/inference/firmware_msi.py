"""The MSI domain that firmware gives a device: the kernel's resolution, three-valued.

A `Domain` is a pair of answers: whether there is one, and whether it exists and isolates. What a
lookup does not find falls back to the next, as pci_set_msi_domain() falls back to the bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vfioguard.fact import Gap, Reading, Why
from vfioguard.inference.witnesses import Witnesses
from vfioguard.kernel.log import Log
from vfioguard.logic import Answer, agree, ask, every, some
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


def its_alive(snapshot: Snapshot, witnesses: Witnesses) -> Answer:
    """Whether the kernel initialised the ITSs that firmware names (POLICY 4.3, A3)."""
    return agree("the kernel uses the ITS", _witnesses(snapshot, witnesses))


def _witnesses(snapshot: Snapshot, witnesses: Witnesses) -> list[Answer]:
    found = [ask("the command line leaves LPIs on", snapshot.kernel.cmdline, _lpis)]
    if snapshot.interrupts.log is not None:
        found.append(ask("the kernel's log shows an ITS", snapshot.interrupts.log, _logged))
    device = witnesses.its
    if device is not None and device.chip is not None:
        found.append(ask(f"{device.name} has MSIs of an ITS", device.chip, lambda _: True))
    return found


def _lpis(words: tuple[str, ...]) -> bool | None:
    """irqchip.gicv3_nolpi takes LPIs, and with them every ITS, away; the last valid one counts."""
    off = None
    for word in words:
        name, _, value = word.partition("=")
        if name.replace("-", "_") == "irqchip.gicv3_nolpi":
            lower = value.lower()  # kstrtobool(): a word without a value is no bool either
            given = _BOOL.get(lower[:2] if lower.startswith("o") else lower[:1])
            off = given if given is not None else off
    return False if off else None


_BOOL = {
    **dict.fromkeys(("y", "t", "1", "on"), True),
    **dict.fromkeys(("n", "f", "0", "of"), False),
}


def mbi_used(snapshot: Snapshot) -> Answer:
    """Whether the GICv3 raises SPIs by message; its `mbi-ranges` count only if it can."""
    claim = "the kernel's log shows an MBI range"
    log = snapshot.interrupts.log or Gap(Why.ABSENT, "/dev/kmsg", "not read")
    return ask(claim, log, lambda lines: any(map(_mbi_range, lines)) or None)


def _mbi_range(line: str) -> bool:
    return line.startswith("GICv3: MBI range")


def _logged(log: Log) -> bool | None:
    return True if any(line.startswith(("ITS [mem", "ITS@")) for line in log) else None
