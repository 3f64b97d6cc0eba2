"""`intremap=nosid`: the kernel calls groups isolated although any device may use any entry.

Remapping stays on, but its entries are programmed without source-id verification (policy.md 3.7).

Change: remove `nosid` from the command line.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Claim, ask

_CHECKED = Claim(
    "interrupt remapping checks who sends an interrupt",
    "interrupt remapping does not check who sends an interrupt",
)


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    answer = ask(_CHECKED, host.snapshot.kernel.cmdline, lambda words: not _nosid(words))
    if host.is_x86 and answer.truth is False:
        from vfioguard.remedy.command_line import edit  # most hosts have no such option

        options = host.snapshot.kernel.cmdline
        words = _nosid(options.value if isinstance(options, Fact) else ())
        kept = [_without(word) for word in words]
        step = edit(host, add=tuple([word for word in kept if word]), remove=words)
        yield Found("intremap=nosid: isolated for the kernel, weaker in fact", answer, (step,))


def _nosid(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that have `nosid` among their values."""
    return tuple(
        word
        for word in words
        if word.startswith("intremap=") and "nosid" in word.partition("=")[2].split(",")
    )


def _without(word: str) -> str:
    """The word with its other values, or "" if it has none."""
    values = [value for value in word.partition("=")[2].split(",") if value != "nosid"]
    return f"intremap={','.join(values)}" if values else ""


FINDING = Finding("source_id_unchecked", "warning", _find)
