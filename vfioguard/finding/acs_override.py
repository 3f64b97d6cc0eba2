"""`pcie_acs_override=` is on the command line: groups are smaller than what the hardware isolates.

The option is of a patch that no kernel.org release has; Proxmox and some desktop kernels carry it
(proxmox/pve-kernel patches/kernel/0004-pci-Enable-overrides-for-missing-ACS-capabilities-4..patch).
It makes the kernel believe that functions are isolated which can reach each other's memory. A
kernel without it lists the word among those that it does not know (init/main.c
print_unknown_bootoptions(), since v5.14): there the word does nothing, and nothing is found.

Change: take it off the command line, and hand out whole groups.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer, Claim, ask
from vfioguard.report import Step

_OPTION = "pcie_acs_override"
_REAL = Claim(
    "the groups are those that the hardware isolates",
    "the command line makes groups smaller than what the hardware isolates",
    f"it is not known whether this kernel has the patch of {_OPTION}",
)
_ENABLED = "PCIe ACS overrides enabled"
_CERTAIN = f"{_OPTION} splits groups: a guest may reach devices of other groups by peer-to-peer"
_PERHAPS = (
    f"{_OPTION} splits groups if this kernel has its patch: a guest may then reach devices of "
    "other groups by peer-to-peer"
)
_LOOK = Step(
    "Without this line in the kernel's log the word does nothing.",
    f'journalctl -k | grep "{_ENABLED}"',
)


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    options = host.snapshot.kernel.cmdline
    given = _given(options.value) if isinstance(options, Fact) else ()
    if not given:
        return
    answer = _believed(host, given)
    if answer.truth is True:
        return
    from vfioguard.remedy.command_line import edit  # most hosts have no such option

    steps = edit(host, remove=given), Step("Then hand out whole groups.")
    if answer.truth is False:
        yield Found(_CERTAIN, answer, steps)
    else:
        yield Found(_PERHAPS, answer, (_LOOK, *steps))


def _given(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word.partition("=")[0] == _OPTION)


def _believed(host: Host, given: tuple[str, ...]) -> Answer:
    """Whether groups are real, by the kernel's log, else by the kernel's maker."""
    from vfioguard.inference import kernel_log
    from vfioguard.kernel import log

    kernel = host.snapshot.kernel
    if enabled := kernel_log.lines(host.snapshot, _ENABLED):
        return ask(_REAL, enabled, lambda _: False)
    lines = kernel_log.reading(host.snapshot)
    unknown = log.unknown_words(lines.value) if isinstance(lines, Fact) else None
    if unknown is not None and set(given) <= set(unknown):
        return ask(_REAL, lines, lambda _: True)
    carried = isinstance(kernel.release, Fact) and kernel.release.value.text.endswith("-pve")
    return ask(_REAL, kernel.cmdline, lambda _: False if carried else None)


FINDING = Finding("acs_override", "warning", _find)
