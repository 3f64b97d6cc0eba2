"""The answer of `check` as JSON: `vfioguard check --output json`, /v1/check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vfioguard import wording
from vfioguard.attach import Attach, OneBackend, rank
from vfioguard.cause_json import cause_json, names_json
from vfioguard.checked import reason
from vfioguard.device_facts import DeviceFacts
from vfioguard.output.facts.json import facts_json
from vfioguard.output.json import blocker_json
from vfioguard.report import SCHEMA_VERSION, Checked, Missing, Report
from vfioguard.typed import TYPE_CHECKING, Literal
from vfioguard.verdict import Outcome, severity

if TYPE_CHECKING:
    from vfioguard.json_shapes import check as shapes

#: Blockers of one target that are shown; a group may have thousands of members.
_MOST = 16

_LEVEL: dict[Attach, Literal["Info", "Warning", "Error"]] = {
    Attach.YES: "Info",
    Attach.BY_OVERRIDE: "Warning",
    Attach.NO: "Error",
    Attach.UNKNOWN: "Error",
}


def document(
    report: Report, answers: Iterable[Checked | Missing], facts: Mapping[str, DeviceFacts]
) -> shapes.ToldChecks:
    """The answers for all targets, and what their devices are, as the command gives them."""
    checks = checks_json(report.generated_at, [answer_json(report, each) for each in answers])
    return {**checks, "facts": {name: facts_json(own) for name, own in facts.items()}}


def checks_json(generated_at: str, targets: list[shapes.Target]) -> shapes.Checks:
    """The answers under one head. A stale gate does not answer."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "generated_at": generated_at,
        "answer": worst_of(targets),
        "targets": targets,
    }


def answer_json(report: Report, answer: Checked | Missing) -> shapes.Target:
    """The answer for a target, also if the host does not have it."""
    if isinstance(answer, Missing):
        return missing_json(answer.target, answer.reason)
    return target_json(report, answer)


def target_json(report: Report, checked: Checked) -> shapes.Target:
    """The answer for one target."""
    groups = checked.groups
    unseen = next((group.unseen for group in groups if group.unseen), None)
    worst = max(groups, key=lambda group: severity(group.outcome)) if groups else None
    return {
        "target": checked.target,
        "answer": checked.answer,
        "reason": reason(report, checked),
        "level": _LEVEL[checked.answer],
        "errno": checked.errno,
        "call": checked.call,
        "devices": list(checked.devices),
        "bind_first": list(checked.bind),
        "change": wording.commands(checked.blockers[:_MOST]),
        **names_json(tuple(dict.fromkeys(cause.name for cause in checked.causes))),
        "why": [cause_json(cause) for cause in checked.causes],
        "blockers": [blocker_json(blocker) for blocker in checked.blockers[:_MOST]],
        "backends": {name: _backend_json(answer) for name, answer in checked.backends},
        "objections": [each.sentence for each in checked.objections],
        "host_critical": _needed_json(checked),
        "holders_gap": unseen.detail if unseen else None,
        "group": groups[0].id if len(groups) == 1 else None,
        "groups": [group.id for group in groups],
        "outcome": worst.outcome if worst else Outcome.UNKNOWN,
        "needs_override": worst.headline.needs_override if worst else None,
        "policy": worst.headline.policy if worst else None,
        "series": worst.series.outcome if worst else None,
        "agrees": worst.agrees if worst else None,
    }


def missing_json(target: str, reason: str) -> shapes.Target:
    """The answer for a target that the host does not have."""
    return {
        "target": target,
        "answer": Attach.UNKNOWN,
        "reason": reason,
        "level": "Error",
        "errno": None,
        "call": None,
        "devices": [],
        "bind_first": [],
        "change": [],
        **names_json(()),
        "why": [],
        "blockers": [],
        "backends": {},
        "objections": [],
        "host_critical": None,
        "holders_gap": None,
        "group": None,
        "groups": [],
        "outcome": Outcome.UNKNOWN,
        "needs_override": None,
        "policy": None,
        "series": None,
        "agrees": None,
    }


def _needed_json(checked: Checked) -> dict[str, list[str]] | None:
    if checked.needed is None:
        return None
    return {name: list(roles) for name, roles in checked.needed}


def _backend_json(answer: OneBackend) -> shapes.OneBackend:
    return {
        "answer": answer.answer,
        "errno": answer.errno,
        "call": answer.call,
        "blockers": list(dict.fromkeys(blocker.name for blocker in answer.blockers)),
    }


def worst_of(targets: Iterable[shapes.Target]) -> Attach:
    """The worst answer. A name that the host does not have counts as unknown."""
    return max((target["answer"] for target in targets), key=rank)
