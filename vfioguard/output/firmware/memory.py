"""Memory that firmware keeps for devices, in words: which memory, and whose."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.inference.memory.region import RegionHolder, ReservedRegion

#: So many devices are named, because an IVMD for all devices has hundreds.
_MOST = 8


def memory_line(memory: ReservedRegion) -> str:
    """The region and its holders.

    An example is "memory 0x8c800000-0x8cffffff (RMRR): 0000:00:02.0 (group 1, relaxable)".
    """
    return f"memory {span(memory)}: {'; '.join(_holders(memory)) or 'nobody'}"


def span(memory: ReservedRegion) -> str:
    """The region's first and last byte, and the kind of the structure that names it."""
    return f"{memory.start:#x}-{memory.end:#x} ({memory.kind})"


def _holders(memory: ReservedRegion) -> Iterator[str]:
    shown = [_holder(holder) for holder in memory.holders[:_MOST]]
    if len(memory.holders) > _MOST:
        shown.append(f"{len(memory.holders) - _MOST} more devices (--output json has all)")
    if shown:
        yield ", ".join(shown)
    yield from (gap.detail for gap in memory.gaps)


def _holder(holder: RegionHolder) -> str:
    group = "in no group" if holder.group is None else f"group {holder.group}"
    relaxable = ", relaxable" if holder.relaxable else ""
    hidden = ", not in its reserved regions" if holder.shown is False else ""
    return f"{holder.device} ({group}{relaxable}{hidden})"
