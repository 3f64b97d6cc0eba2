"""The kernel's log, for an advice or a finding that asks for it where no verdict does."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.kernel.log import KMSG, Log
from vfioguard.snapshot import Snapshot


def reading(snapshot: Snapshot) -> Reading[Log]:
    """The kept messages of this boot: those that were read, else read now."""
    if snapshot.interrupts.log is not None:
        return snapshot.interrupts.log
    if snapshot.site is not None:
        return snapshot.site.log
    return Gap(Why.ABSENT, KMSG, "not read")


def lines(snapshot: Snapshot, *parts: str) -> Fact[Log] | None:
    """The messages that have all these parts, with their source. Returns None if there is none."""
    log = reading(snapshot)
    if not isinstance(log, Fact):
        return None
    told = tuple(line for line in log.value if all(part in line for part in parts))
    return Fact(told, "\n".join(told).encode(), log.source) if told else None
