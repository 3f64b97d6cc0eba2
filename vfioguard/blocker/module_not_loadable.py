"""vfio-pci is not loaded, and cannot be loaded on this boot: no device can be bound to it.

kernel/module/main.c blacklisted() and may_init_module() (6.12.118) answer modprobe with EPERM. An
update may have taken the running kernel's modules away: modprobe finds none then.

Change: take the word off the command line, or reboot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import OPEN, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind
from vfioguard.inference.host import Host
from vfioguard.kernel import loadable
from vfioguard.kernel.identity import cmdline
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    why = attempt.host.snapshot.unloadable
    if why is None or not any(device.bus == "pci" for device in attempt.binding):
        return
    yield Blocked(
        device=None,
        errno="ENOENT",
        call=OPEN,
        place=0,
        because=Answer(f"the module vfio-pci cannot be loaded: {why.value}", True, (why,)),
    )


def _advise(host: Host, _: Members, __: Sequence[Blocker]) -> Advice:
    why = host.snapshot.unloadable
    if why is not None and why.source == cmdline.PATH:
        from vfioguard.remedy.command_line import edit  # most hosts have no such option

        return Advice((edit(host, remove=(why.raw.decode(),)),))
    if why is not None and why.source == loadable.DISABLED:
        return Advice(
            (
                Step(
                    "See what sets it: no module can be loaded until the next boot.",
                    "grep -r modules_disabled /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d",
                ),
                Step("Have vfio-pci loaded before that, and reboot.", "/etc/modules-load.d"),
            )
        )
    return Advice((Step("Reboot into a kernel whose modules are installed.", "reboot"),))


BLOCKER = Kind(
    name="module_not_loadable",
    lasting=True,
    find=_find,
    rule="kernel/module/main.c blacklisted(), may_init_module() (6.12.118)",
    advise=_advise,
)
