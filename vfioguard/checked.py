"""The words of an answer of `check`, which its line, the JSON and the daemon share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vfioguard import wording
from vfioguard.attach import NO_MATCHING_ID, NOT_VIABLE, Attach, Blocker, needs, rank
from vfioguard.folding import and_more
from vfioguard.reason import reason as outcome_reason
from vfioguard.report import NO_GROUP, CauseReport, Checked, GroupReport, Report, Step
from vfioguard.verdict import severity

#: Characters of a step within a line; of a longer one it is left out where it is to be done.
_STEP = 160


def line(report: Report, checked: Checked) -> str:
    """One line that answers `check` for a target, the answer first."""
    groups = ",".join(str(group.id) for group in checked.groups)
    name = checked.target
    if not name.startswith("group:"):
        if checked.devices and checked.devices != (name,):
            name += f" ({wording.listed(list(checked.devices))})"
        name += f" group:{groups}" if groups else ""
    return f"{checked.answer} {name}: {reason(report, checked)}"


def reason(report: Report, checked: Checked) -> str:
    """Why the answer is what it is, and what has to be done first, in one sentence."""
    against = [each.sentence for each in checked.objections]
    own = max((answer.answer for _, answer in checked.backends), key=rank)
    kernel = [] if against and own is not Attach.NO else [_kernel_reason(report, checked, own)]
    needed = [needs(name, roles) for name, roles in checked.needed or ()]
    if checked.unsure and checked.answer is not Attach.NO:
        needed.append(f"whether the host needs it is not known ({', '.join(checked.unsure)})")
    if checked.answer is not Attach.NO and not checked.interrupts:
        needed += [
            f"the kernel refuses it if somebody holds it, and {group.unseen.detail}"
            for group in checked.groups
            if group.unseen
        ]
    text = "; ".join(dict.fromkeys([*against, *kernel, *needed])) + _asides(checked.groups)
    others = [
        f"{name}: {answer.answer}" for name, answer in checked.backends if answer.answer is not own
    ]
    return f"{text} [{', '.join(others)}]" if others else text


def _asides(groups: Iterable[GroupReport]) -> str:
    """What the running kernel says if a policy is pinned, or the 2016 series if it differs."""
    told: dict[str, None] = {}
    for group in groups:
        pinned = all(verdict is not group.headline for _, verdict in group.backends)
        if pinned or group.agrees is False:
            told[wording.aside(group)] = None
    return "".join(told)


def _kernel_reason(report: Report, checked: Checked, answer: Attach) -> str:
    """Why the kernel answers so."""
    if answer is Attach.YES and checked.interrupts:
        return "the interrupt rule lets it pass; nothing else was judged"
    if answer is Attach.YES:
        return _first_bind(checked) or "it can be attached as it is"
    if answer is Attach.BY_OVERRIDE:
        override = f"only the override lets it pass: {_interrupts(report, checked)}"
        return "; ".join(filter(None, (override, _first_bind(checked))))
    return _denied(report, checked, answer)


def _first_bind(checked: Checked) -> str:
    """The devices to bind first, and how, or ""."""
    if not checked.bind:
        return ""
    text = f"bind to a VFIO driver first: {wording.listed(list(checked.bind))}"
    told = [blocker for blocker in checked.blockers if blocker.name == NO_MATCHING_ID]
    if told:
        more = f", and {len(told) - 1} more" if len(told) > 1 else ""
        text += f" ({told[0].change[0]}{more})"
    kept = [blocker.because.said for blocker in told if blocker.because.truth]
    return "; ".join([text, *kept[:1]])


def _denied(report: Report, checked: Checked, answer: Attach) -> str:
    """The first thing that refuses, with its errno and call, and what changes it."""
    first = _first_blockers(checked, answer)
    if first:
        others = [blocker.device for blocker in first if blocker.device != first[0].device]
        text = first[0].because.said + and_more(others)
        change = _commands(first, checked)
        if not change:
            own = [cause for cause in checked.causes if cause.name == first[0].name]
            change = _first_step(own if checked.groups else checked.causes)
    else:
        text, change = _interrupts(report, checked), _first_step(_of_interrupts(checked))
    met = f" ({checked.errno} from {checked.call})" if checked.errno else ""
    return text + met + (f"; {wording.listed(change)}" if change else "")


def _commands(first: Sequence[Blocker], checked: Checked) -> list[str]:
    """What removes these blockers; nothing takes a device from the host that the host needs."""
    if first[0].name == NOT_VIABLE:  # those that the host may need come first there
        first = first[::-1]
    needed = {name for name, _ in checked.needed or ()}
    return wording.commands(blocker for blocker in first if blocker.device not in needed)


def _first_blockers(checked: Checked, answer: Attach) -> list[Blocker]:
    """The blockers that the answer rests on; none if it rests on the interrupts."""
    met = checked.errno, checked.call
    deciding = [blocker for blocker in checked.blockers if blocker.name != NO_MATCHING_ID]
    if checked.errno is not None:
        return [blocker for blocker in deciding if (blocker.errno, blocker.call) == met]
    truth = None if answer is Attach.UNKNOWN else True
    return [blocker for blocker in deciding if blocker.because.truth is truth]


def _of_interrupts(checked: Checked) -> list[CauseReport]:
    """The causes besides the blockers."""
    blockers = {blocker.name for blocker in checked.blockers}
    return [cause for cause in checked.causes if cause.name not in blockers]


def _first_step(causes: Sequence[CauseReport]) -> list[str]:
    """The first step against the first of these causes, short; it is never the override."""
    return [_short(each) for each in causes[0].change[:1]] if causes else []


def _short(change: Step) -> str:
    text = wording.step(change).rstrip(".")
    if len(text) > _STEP:
        text = change.do.rstrip(".")
    return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def _interrupts(report: Report, checked: Checked) -> str:
    """What the first cause says; the interrupts' reason if none says more, or why no group is."""
    causes = _of_interrupts(checked)
    if causes:
        return causes[0].sentence.rstrip(".")
    if checked.groups:
        return outcome_reason(max(checked.groups, key=lambda group: severity(group.outcome)))
    return wording.no_groups(report) if not report.groups else NO_GROUP
