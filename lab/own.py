"""What vfioguard itself did in the guest, beside the C programs: `capture` and `try`.

Both captures of a state must give the same verdicts. `try` must say what was foretold, meet what
the C program met, and leave no trace.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lab import judge
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.opening import open_root

#: What the kernel's log may not have after `try`.
_TROUBLE = re.compile(r"WARNING:|BUG:|Oops|Call Trace|general protection|DMAR:.*fault|not reset")


def capture(folder: str, state: str) -> str:
    """The path of vfioguard's own capture of one state."""
    return f"{folder}/{state}.own.tar.xz"


def answers(folder: str) -> str:
    """The path of what `try` printed."""
    return f"{folder}/try.json"


def faults(folder: str, truth: dict[str, Any], handed: dict[str, bytes]) -> list[str]:
    """A line for each thing that vfioguard should not have done in the guest."""
    return [*_captures(folder, handed), *_tries(folder, truth, handed), *_traces(handed)]


def _captures(folder: str, handed: dict[str, bytes]) -> Iterator[str]:
    for state in judge.states(folder):
        if not os.path.exists(capture(folder, state)):
            yield f"{state}: no capture by vfioguard: {_last(handed.get('own', b''))}"
            continue
        theirs = judge.report(folder, state)
        ours = evaluate(take(open_root(capture(folder, state))), "now")
        said = {group.id: _verdicts(group) for group in ours.groups}
        for group in theirs.groups:
            if said.pop(group.id, None) != _verdicts(group):
                yield f"{state}: both captures give different verdicts on group {group.id}"
        for number in said:
            yield f"{state}: group {number} is in vfioguard's capture alone"


def _verdicts(group: GroupReport) -> dict[str, Any]:
    backends = dict(group.backends)
    return {
        "outcomes": {name: verdict and verdict.outcome for name, verdict in backends.items()},
        "series": group.series.outcome,
        "attachments": {
            name: each and (each.attach, each.now, each.errno, each.call)
            for name, each in group.attachments
        },
    }


def answered(folder: str) -> bool:
    """Whether `try` printed a document: an empty file is none."""
    return os.path.exists(answers(folder)) and os.path.getsize(answers(folder)) > 0


def tried(folder: str) -> list[dict[str, Any]]:
    """What `try` printed of each target."""
    with open(answers(folder)) as file:
        targets: list[dict[str, Any]] = json.load(file)["targets"]
    return targets


def _tries(folder: str, truth: dict[str, Any], handed: dict[str, bytes]) -> Iterator[str]:
    """Groups that were not tried though they could be, and answers that the C program lacks."""
    if not truth["bind"] and not truth["groups"]:
        return  # a guest without a device has no target
    if not answered(folder):
        yield f"try gave no answer: {_last(handed.get('try.err', b''))}"
        return
    groups = {group["group"]: group for group in truth["groups"]}
    for target in tried(folder):
        if target["group"] is None:
            continue  # `try` leaves a device in no group alone
        group = groups[target["group"]]
        whole = group["bound"] and group["bound"] == group["endpoints"]
        if whole and target["why_not"] and group["name"] != "vfio-noiommu":
            yield f"group {target['group']} was not tried: {target['why_not']}"
        for backend, trial in target["backends"].items():
            met = trial["errno"] or "OK"
            path = "iommufd" if backend == "iommufd" else "type1"
            if group[f"{path}_asis"] not in (met, "-"):
                yield (
                    f"group {target['group']} by {backend}: try met {met}, the C program "
                    f"{group[f'{path}_asis']}"
                )


def _traces(handed: dict[str, bytes]) -> Iterator[str]:
    if handed.get("state.before") != handed.get("state.after"):
        yield "try has changed a driver, a group or a domain"
    before = int(handed.get("log.before", b"0") or 0)
    for row in handed.get("dmesg", b"").decode(errors="replace").splitlines()[before:]:
        if _TROUBLE.search(row):
            yield f"the kernel's log after try: {row}"


def _last(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def tally(folder: str) -> Counter[str]:
    """How many answers of `try` are as foretold, are not, and were not foretold."""
    return Counter(
        "unknown" if trial["agrees"] is None else "right" if trial["agrees"] else "wrong"
        for target in tried(folder)
        for trial in target["backends"].values()
    )


def differences(folder: str) -> list[str]:
    """A line for each answer of `try` that is not as foretold."""
    return [
        f"try, group {target['group']} by {backend}: the kernel says "
        f"{trial['errno'] or 'yes'} {trial['call'] or ''}, foretold {trial['foretold']}"
        for target in tried(folder)
        for backend, trial in target["backends"].items()
        if not trial["agrees"]
    ]
