"""What `try` may ask the kernel, and asking it: which targets, by which backends."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard import wording
from vfioguard.attach import BACKENDS, Ask, Backend
from vfioguard.cli.asking import Question
from vfioguard.fact import Gap
from vfioguard.inference import drivers, exempt
from vfioguard.kernel.members import Members
from vfioguard.report import NO_GROUP, Checked, GroupReport, Holder, Missing
from vfioguard.trial import Kernel
from vfioguard.trial.attach import Plan, attach, opens
from vfioguard.tried import Asked, Tried
from vfioguard.typed import NamedTuple


class Planned(NamedTuple):
    """A target and what would be attached for it. `plan` is None if `why_not` says why nothing."""

    target: str
    checked: Checked | None
    plan: Plan | None
    why_not: str | None = None

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The backends to ask: those that count here, or the one that was chosen."""
        counting = dict(self.checked.backends) if self.checked else {}
        return tuple([name for name in BACKENDS if name in counting])

    @property
    def group(self) -> int | None:
        """The number of the target's group; None if it is in none."""
        return self.checked.groups[0].id if self.checked and self.checked.groups else None


def one_group_each(asks: Iterable[Ask | Missing]) -> list[Ask | Missing]:
    """The asks; in place of one that is about several groups, one for each of its functions."""
    each_of: list[Ask | Missing] = []
    for ask in asks:
        if isinstance(ask, Missing) or len({number for number, _ in ask.functions}) < 2:
            each_of.append(ask)
        else:
            each_of += [Ask(name, ((number, name),)) for number, name in ask.functions]
    return each_of


def planned(
    question: Question, answers: Iterable[Checked | Missing], dev: str = "/dev"
) -> list[Planned]:
    """What would be asked for each target. `dev` is the directory of the device nodes."""
    return [_planned(question, answer, dev) for answer in answers]


def _planned(question: Question, answer: Checked | Missing, dev: str) -> Planned:
    if isinstance(answer, Missing):
        return Planned(target=answer.target, checked=None, plan=None, why_not=answer.reason)
    why_not = _why_not(question, answer)
    if why_not is not None:
        return Planned(target=answer.target, checked=answer, plan=None, why_not=why_not)
    group = answer.groups[0]
    plan = Plan(
        group=group.id,
        devices=answer.devices,
        nodes={each.name: each.node for each in group.devices if each.node is not None},
        dev=dev,
    )
    return Planned(target=answer.target, checked=answer, plan=plan)


def _why_not(question: Question, checked: Checked) -> str | None:
    """Why the kernel is not asked, as a clause. Returns None if it may be."""
    if not checked.groups:
        return NO_GROUP
    group = checked.groups[0]
    members = question.judged.host.snapshot.group(group.id)
    assert members is not None, "a Report has the groups of its Snapshot"
    return _unsafe(members) or (_in_use(group) if checked.devices else _NOTHING) or _no_way(checked)


_NOTHING = "no VFIO driver takes a member"


def _no_way(checked: Checked) -> str | None:
    """Why there is no backend to ask by. Returns None if there is one."""
    if any(name in BACKENDS for name, _ in checked.backends):
        return None
    said = [blocker.because.said for blocker in checked.blockers]
    return said[0] if said else "no way to attach it counts on this host"


def _unsafe(members: Members) -> str | None:
    """Why an attach could reach more than devices that were given up for it."""
    if isinstance(members.complete, Gap):
        return f"the members of its group are not all known: {members.complete.detail}"
    if exempt.is_noiommu(members):
        return "no IOMMU translates its group, so nothing guards the host's memory"
    others = [
        device
        for device in members.devices
        if not drivers.is_taken(device) and drivers.is_bridge(device) is not True
    ]
    if not others:
        return None
    named = [f"{device.name} ({device.driver or 'no driver'})" for device in others]
    be = "is" if len(named) == 1 else "are"
    return f"{wording.listed(named)} {be} on no VFIO driver"


def _in_use(group: GroupReport) -> str | None:
    holders = group.holders
    if holders is None:
        return (
            "it is not known who has the group open: ask as root, in the host's own PID namespace, "
            "while no program has a device open whose group's node it has closed"
        )
    return f"{wording.listed(_names(holders))} has the group open" if holders else None


def _names(holders: Iterable[Holder]) -> list[str]:
    return [f"{holder.name} (process {holder.pid})" for holder in holders]


def tried(kernel: Kernel, plans: Iterable[Planned], *, open_devices: bool) -> list[Tried]:
    """Ask the kernel for each target that has a plan, by each of its backends."""
    return [_tried(kernel, each, open_devices=open_devices) for each in plans]


def _tried(kernel: Kernel, each: Planned, *, open_devices: bool) -> Tried:
    devices = each.checked.devices if each.checked else ()
    asked: list[Asked] = []
    if each.plan is not None and each.checked is not None:
        foretold = dict(each.checked.backends)
        for backend in each.backends:
            calls = attach(kernel, each.plan, backend, open_devices=open_devices)
            answer = Asked(
                backend=backend,
                foretold=foretold[backend],
                calls=tuple(calls),
                opened=opens(backend, open_devices=open_devices),
            )
            asked.append(answer)
    return Tried(
        target=each.target,
        group=each.group,
        devices=devices,
        why_not=each.why_not,
        asked=tuple(asked),
    )
