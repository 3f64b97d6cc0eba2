"""What the firmware's tables have against interrupt remapping, by the kernel's own conditions."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.fact import Fact, Reading
from vfioguard.inference.host import Host
from vfioguard.inference.remapping import allowed
from vfioguard.inference.remapping.parts import Part, Possible
from vfioguard.kernel.log import Log
from vfioguard.logic import Answer, ask

#: Conditions that no table makes: they are told by causes of their own.
_NO_TABLE = frozenset({"amd_iommu_off"})


def _possible(host: Host) -> Possible:
    return allowed.of_host(host.snapshot)


def possible(host: Host) -> Possible:
    """Whether the firmware lets the kernel remap interrupts, worked out once for a host."""
    return host.once(_possible)


def forbidding(host: Host) -> tuple[Part, ...]:
    """The conditions of the tables that keep remapping off, whatever else is changed."""
    answer = possible(host)
    decided = answer.decided if answer.possible is False else ()
    return tuple(part for part in decided if part.kind not in _NO_TABLE)


def condition(host: Host, *kinds: str) -> Part | None:
    """The condition of one of these kinds that keeps remapping off. Returns None if none does."""
    answer = possible(host)
    decided = answer.decided if answer.possible is False else ()
    return next((part for part in decided if part.kind in kinds), None)


def likely(host: Host) -> Part | None:
    """A condition that keeps remapping off by one of the forms that this kernel may have."""
    answer = possible(host)
    decided = answer.decided if answer.possible is None else ()
    return next((part for part in decided if part.kind), None)


def proof(part: Part) -> Answer:
    """The proof of a condition that decided."""
    assert part.answer is not None, "a condition that decides has an answer"
    return part.answer


def log(host: Host) -> Log:
    """The kept lines of the kernel's log; none if it was not read."""
    lines = host.snapshot.interrupts.log
    return lines.value if isinstance(lines, Fact) else ()


def logged(host: Host, claim: str, lines: Iterable[str]) -> Answer:
    """The proof by lines of the kernel's log, which deny `claim`."""
    reading: Reading[Log] | None = host.snapshot.interrupts.log
    assert isinstance(reading, Fact), "its lines were read"
    told: Reading[tuple[str, ...]] = Fact(tuple(lines), "\n".join(lines).encode(), reading.source)
    return ask(claim, told, lambda _: False)
