"""`pcie_acs_override=` is on the command line: groups are smaller than what the hardware isolates.

The option is of a patch that no kernel.org release has; Proxmox and some desktop kernels carry it.
It makes the kernel believe that functions are isolated which can reach each other's memory.

Change: take it off the command line, and hand out whole groups.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Claim, ask
from vfioguard.report import Step

_OPTION = "pcie_acs_override"
_REAL = Claim(
    "the groups are those that the hardware isolates",
    "the command line makes groups smaller than what the hardware isolates",
)


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    answer = ask(_REAL, host.snapshot.kernel.cmdline, _believed)
    if answer.truth is False:
        from vfioguard.remedy.command_line import edit  # most hosts have no such option

        options = host.snapshot.kernel.cmdline
        words = options.value if isinstance(options, Fact) else ()
        yield Found(
            f"{_OPTION} splits groups: a guest may reach devices of other groups by peer-to-peer",
            answer,
            (edit(host, remove=_given(words)), Step("Then hand out whole groups.")),
        )


def _given(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word.partition("=")[0] == _OPTION)


def _believed(words: tuple[str, ...]) -> bool:
    return not _given(words)


FINDING = Finding("acs_override", "warning", _find)
