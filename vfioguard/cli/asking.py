"""One question of `check`: read what decides, judge it, and answer for each target."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from vfioguard import wording
from vfioguard.attach import Ask, Attach, Beside, How
from vfioguard.cli import host
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.kernel.uevent import DISPLAY
from vfioguard.report import Checked, DeviceReport, GroupReport, Missing
from vfioguard.target import Targets


class Question:
    """What was read for the targets: the judged host, the asks, and the groups of these."""

    def __init__(
        self, judged: Judged, asks: list[Ask | Missing], groups: list[GroupReport]
    ) -> None:
        self.judged = judged
        self.asks = asks
        self.groups = groups


def ask(options: argparse.Namespace) -> tuple[Judged, list[Checked | Missing]]:
    """The judged host, and the answer for each target in order. Raises what `host.read` does."""
    question = read(options)
    return question.judged, answers(options, question)


def read(options: argparse.Namespace) -> Question:
    """Read what decides about the targets, and the holders of their groups."""
    interfaces = host.interfaces(options, options.target)
    snapshot = host.read_for(options, options.target, interfaces)
    judged = judge(snapshot, wording.now(), host.chosen(options), findings=False)
    targets = Targets(judged.report, interfaces=interfaces)
    asks = targets.asks(options.target)
    there = [each for each in asks if isinstance(each, Ask)]
    return Question(judged, asks, host.holding(options, targets.groups(there)))


def answers(options: argparse.Namespace, question: Question) -> list[Checked | Missing]:
    """The answer for each ask in their order."""
    there = [each for each in question.asks if isinstance(each, Ask)]
    how = How(
        now=options.now,
        interrupts=options.interrupts,
        expect=tuple(options.expect),
        sparing=options.refuse_host_critical,
        beside=_beside(options, question.groups, there),
    )
    checked = iter(check(question.judged, question.groups, there, host.chosen(options), how))
    return [each if isinstance(each, Missing) else next(checked) for each in question.asks]


def answer(each: Checked | Missing) -> Attach:
    """The answer for a target: unknown for a name that the host does not have."""
    return Attach.UNKNOWN if isinstance(each, Missing) else each.answer


def _beside(
    options: argparse.Namespace, groups: Iterable[GroupReport], asks: Sequence[Ask]
) -> Beside:
    """What is read for the functions of the targets alone."""
    bound = {device.name for group in groups for device in group.devices if device.on_vfio}
    pci = {
        device.name: device for group in groups for device in group.devices if device.bus == "pci"
    }
    distinct = {each.target: each for each in asks}.values()
    named = dict.fromkeys([name for each in distinct for _, name in each.functions])
    idle = {name for name, device in pci.items() if _is_idle(device)}
    if len(idle) == len(pci):
        return Beside(needed={})
    functions = [name for name in named if name in pci and name not in idle]
    from vfioguard.reading.beside import beside

    unbound = [name for name in functions if name not in bound]
    whole = host.read(options, lambda root: beside(root, functions, unbound))
    needed = {name: uses for name, uses in (whole.needed or {}).items() if name not in idle}
    return whole._replace(needed=needed)


def _is_idle(device: DeviceReport) -> bool:
    """Whether the host uses the function for nothing, because a VFIO driver has it.

    Only a display may stay the console's: the firmware's framebuffer goes on.
    """
    return device.on_vfio and device.pci_class is not None and device.pci_class >> 16 != DISPLAY
