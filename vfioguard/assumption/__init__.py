"""One file for each state that `--what-if` can assume of a host.

An assumption changes the facts of a Snapshot, and drops the live witnesses that would contradict
them. So the verdicts are computed as on a host that is so. Nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.witnesses import FIRST_VMD_DOMAIN, domain
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, sources
from vfioguard.snapshot import Interrupts, Snapshot
from vfioguard.typed import NamedTuple


class NotHere(ValueError):
    """The assumption makes no sense on this host. The message is one line."""


class Assumption(NamedTuple):
    """A state by its name, and what it says. `assume` gives the host that has it, on or off.

    It raises `NotHere`.
    """

    name: str
    summary: str
    assume: Callable[[Snapshot, bool], Snapshot]


_WHAT_IF = "--what-if "


def source(name: str, on: bool) -> str:
    """What stands in a proof for the file that would show the assumed fact."""
    return f"{_WHAT_IF}{name}={'on' if on else 'off'}"


def is_assumed(answer: Answer) -> bool:
    """Whether the answer rests on an assumed fact."""
    return any(file.startswith(_WHAT_IF) for file in sources(answer))


def gap(where: str) -> Gap:
    """The gap of a file that is not asked, because the assumption stands against it."""
    return Gap(Why.ABSENT, where, "not asked: the assumption stands")


def without_words(snapshot: Snapshot, names: Iterable[str]) -> Snapshot:
    """The host without these options on the kernel's command line, whatever their values."""
    cmdline = snapshot.kernel.cmdline
    if isinstance(cmdline, Gap):
        return snapshot
    dropped = frozenset(names)
    kept = tuple([word for word in cmdline.value if word.partition("=")[0] not in dropped])
    return with_words(snapshot, kept)


def with_words(snapshot: Snapshot, words: tuple[str, ...]) -> Snapshot:
    """The host with this command line."""
    cmdline = snapshot.kernel.cmdline
    where = cmdline.source
    kernel = snapshot.kernel._replace(cmdline=Fact(words, " ".join(words).encode(), where))
    return snapshot._replace(kernel=kernel)


def without_witnesses(snapshot: Snapshot, where: str) -> Snapshot:
    """The host without anything that shows whether its interrupts are remapped today."""
    interrupts = Interrupts(
        wired=(), proc=gap(where), domains=gap(where), ir_translation=gap(where), log=gap(where)
    )
    return without_chips(snapshot, where)._replace(interrupts=interrupts)


def without_chips(snapshot: Snapshot, where: str) -> Snapshot:
    """The host without the chips of its devices' MSIs, which tell what is so today.

    A VMD and the devices behind it keep theirs, because they tell what the VMD does.
    """
    alone = tuple([_bare(device, where) for device in snapshot.devices])
    snapshot = snapshot._replace(devices=alone)
    if isinstance(snapshot.groups, Gap):
        return snapshot
    groups = tuple([_bare_group(members, where) for members in snapshot.groups.value])
    return snapshot._replace(groups=snapshot.groups._replace(value=groups))


def _bare_group(members: Members, where: str) -> Members:
    devices = tuple([_bare(device, where) for device in members.devices])
    return members._replace(devices=devices)


def _bare(device: Device, where: str) -> Device:
    if device.driver == "vmd" or domain(device.name) >= FIRST_VMD_DOMAIN:
        return device
    return device._replace(chip=None, msi_irqs=gap(where))
