"""`intremap=nosid`: the kernel calls groups isolated although any device may use any entry.

Remapping stays on, but its entries are programmed without source-id verification (policy.md 3.7).

Change: remove `nosid` from the command line.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Claim, ask
from vfioguard.report import Step

_CHECKED = Claim(
    "interrupt remapping checks who sends an interrupt",
    "interrupt remapping does not check who sends an interrupt",
)


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    answer = ask(_CHECKED, host.snapshot.kernel.cmdline, lambda words: not _nosid(words))
    if host.is_x86 and answer.truth is False:
        step = Step("Take nosid off intremap= on the kernel command line, and reboot.")
        yield Found("intremap=nosid: isolated for the kernel, weaker in fact", answer, (step,))


def _nosid(words: tuple[str, ...]) -> bool:
    values = (word.partition("=")[2] for word in words if word.startswith("intremap="))
    return any("nosid" in value.split(",") for value in values)


FINDING = Finding("source_id_unchecked", "warning", _find)
