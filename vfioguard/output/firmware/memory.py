"""Memory that firmware keeps for devices, in words: which memory, and whose."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.inference.memory.region import Holder, Memory

#: An IVMD for all devices names hundreds.
_MOST = 8


def memory_line(memory: Memory) -> str:
    """ "memory 0x8c800000-0x8cffffff (RMRR): 0000:00:02.0 (group 1, relaxable)"."""
    return f"memory {span(memory)}: {'; '.join(_who(memory)) or 'nobody'}"


def span(memory: Memory) -> str:
    """First and last byte, and the kind of structure that says so."""
    return f"{memory.start:#x}-{memory.end:#x} ({memory.kind})"


def _who(memory: Memory) -> Iterator[str]:
    shown = [_holder(one) for one in memory.holders[:_MOST]]
    if len(memory.holders) > _MOST:
        shown.append(f"{len(memory.holders) - _MOST} more devices (--output json has all)")
    if shown:
        yield ", ".join(shown)
    yield from (gap.detail for gap in memory.gaps)


def _holder(one: Holder) -> str:
    group = "in no group" if one.group is None else f"group {one.group}"
    relaxable = ", relaxable" if one.relaxable else ""
    hidden = ", not in its reserved regions" if one.shown is False else ""
    return f"{one.device} ({group}{relaxable}{hidden})"
