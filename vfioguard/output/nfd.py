"""The Report as a feature file of Node Feature Discovery, so that a scheduler picks safe nodes.

What NFD takes (its docs/usage/customization-guide.md, "Local feature source", and
source/local/local.go): lines `NAMESPACE/NAME=VALUE` that become labels of the node, and comments,
of which `# +expiry-time=` ends the validity of all lines below it. A label is about the host, never
about one device.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from vfioguard import __version__, wording
from vfioguard.output import Output, Style
from vfioguard.report import Report
from vfioguard.verdict import Outcome

#: The namespace that NFD allows whatever else it is told to deny (-deny-label-ns).
_PREFIX = "feature.node.kubernetes.io/vfioguard."


def _parts(report: Report, style: Style) -> Iterator[str]:
    yield f"# vfioguard {__version__}, {report.generated_at}\n"
    # Above the labels: NFD reads downwards.
    yield f"# +expiry-time={_expiry(report.generated_at, style.valid_for)}\n"
    for name, value in _labels(report):
        yield f"{_PREFIX}{name}={value}\n"


def _expiry(generated_at: str, seconds: int) -> str:
    """When the labels end: so many seconds after the report."""
    return wording.moment(datetime.fromisoformat(generated_at).timestamp() + seconds)


def _labels(report: Report) -> Iterator[tuple[str, str]]:
    yield "isolated-msi", _word(_isolated(report))
    for name in ("allow_unsafe_interrupts", "enable_unsafe_noiommu_mode"):
        yield name, _word(_parameter(report, name))
    if report.groups_read is not None and report.groups_read.why != "absent":
        return  # how many groups there are is not known, and zero would be a lie
    yield "groups", str(len(report.groups))
    for outcome in Outcome:
        yield f"groups.{outcome}", str(sum(group.outcome is outcome for group in report.groups))


def _isolated(report: Report) -> bool | None:
    """Whether every group is attached with all overrides off; no group is a no."""
    if report.groups_read is not None and report.groups_read.why != "absent":
        return None
    if not report.groups:
        return False
    outcomes = {group.outcome for group in report.groups}
    if outcomes & {Outcome.REFUSED, Outcome.BY_OVERRIDE}:
        return False
    return None if Outcome.UNKNOWN in outcomes else True


def _parameter(report: Report, name: str) -> bool | None:
    """Whether any module has the parameter set, or would have it once it is loaded."""
    values = {
        one.pending if one.value is None else one.value
        for one in report.overrides
        if one.name.endswith(f".{name}")
    }
    return True if True in values else None if None in values else False


def _word(truth: bool | None) -> str:
    """What a selector compares with; not known is a value of its own, that matches no wish."""
    return "unknown" if truth is None else str(truth).lower()


OUTPUT = Output("text/plain; charset=utf-8", _parts)
