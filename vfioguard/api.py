"""The public API: open a host, take its facts, judge them, and use the report.

    from vfioguard import api

    report = api.judge(api.take(api.open_root("/")))
    for group in report.groups:
        print(group.id, group.outcome, api.reason(group))

The names in `__all__` are stable; docs/api.md says what that promises.
"""

from __future__ import annotations

from vfioguard.judging.evaluate import judge as judge_all
from vfioguard.judging.policies import UnknownPolicy, policy_names
from vfioguard.logic import Answer
from vfioguard.reading.take import take
from vfioguard.reason import reason
from vfioguard.report import Choice, DeviceReport, GroupReport, Report, UngroupedDevice
from vfioguard.root import Root
from vfioguard.root.opening import CannotOpen
from vfioguard.root.opening import open_root as _open_root
from vfioguard.snapshot import Snapshot
from vfioguard.target import NoTarget, Targets
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import Outcome, Verdict
from vfioguard.wording import now

if TYPE_CHECKING:
    from vfioguard.json_shapes.report import Report as ReportShape

__all__ = [
    "Answer", "CannotOpen", "DeviceReport", "GroupReport", "NoTarget", "Outcome", "Report", "Root",
    "Snapshot", "Targets", "UngroupedDevice", "UnknownPolicy", "Verdict", "as_dict", "as_json",
    "judge", "open_root", "policy_names", "reason", "take",
]  # fmt: skip


def open_root(path: str = "/", acpi_tables: str = "") -> Root:
    """Open a host to read: `/`, a directory with its `sys` and `proc`, or a capture file.

    `acpi_tables` is a directory of tables that somebody with more rights has copied, one file
    each; a capture has its own. Raises `CannotOpen`.
    """
    return _open_root(path, acpi_tables)


def judge(snapshot: Snapshot, policy: str | None = None) -> Report:
    """Apply the policies that the host's kernel has in force to each of its IOMMU groups.

    `policy` is one of `policy_names()` and replaces them. Raises `UnknownPolicy`.
    """
    judged = judge_all(snapshot, now(), Choice(policy))
    if not judged.report.ungrouped:
        return judged.report
    from vfioguard.judging.causes import with_ungrouped  # most hosts have no such function

    return with_ungrouped(judged.host, judged.report)


def as_dict(report: Report) -> ReportShape:
    """The report as the values that `as_json` writes."""
    from vfioguard.output.json import group_json, head_json, tail_json

    groups = [group_json(group) for group in report.groups]
    return {**head_json(report), "groups": groups, **tail_json(report)}


def as_json(report: Report) -> str:
    """The report as `vfioguard report --output json` prints it: one line of printable ASCII."""
    from vfioguard.proof_json import dumps

    return dumps(as_dict(report)) + "\n"
