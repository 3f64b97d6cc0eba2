"""The Report as a feature file of Node Feature Discovery, so that a scheduler picks safe nodes.

NFD turns lines `NAMESPACE/NAME=VALUE` into labels of the node. The comment `# +expiry-time=` ends
the validity of all lines below it (NFD's docs/usage/customization-guide.md, "Local feature source",
and source/local/local.go). A label is about the host, never about one device.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from vfioguard import __version__, wording
from vfioguard.attach import Attach
from vfioguard.output import Output, Style
from vfioguard.report import Report
from vfioguard.verdict import Outcome

#: NFD allows this namespace whatever -deny-label-ns says.
_PREFIX = "feature.node.kubernetes.io/vfioguard."


def _parts(report: Report, style: Style) -> Iterator[str]:
    yield f"# vfioguard {__version__}, {report.generated_at}\n"
    # This line stands above the labels, because it holds for the lines below it.
    yield f"# +expiry-time={_expiry(report.generated_at, style.valid_for)}\n"
    for name, value in _labels(report):
        yield f"{_PREFIX}{name}={value}\n"


def _expiry(generated_at: str, seconds: int) -> str:
    """The time when the labels end, `seconds` after the report, in RFC 3339."""
    return wording.moment(datetime.fromisoformat(generated_at).timestamp() + seconds)


def _labels(report: Report) -> Iterator[tuple[str, str]]:
    yield "isolated-msi", _word(_isolated(report))
    for name in ("allow_unsafe_interrupts", "enable_unsafe_noiommu_mode"):
        yield name, _word(_parameter(report, name))
    if report.groups_read is not None and report.groups_read.why != "absent":
        return  # how many groups there are is not known, and zero would be a lie
    groups = report.attachable
    yield "groups", str(len(groups))
    yield "groups.not-attachable", str(len(report.groups) - len(groups))
    for outcome in Outcome:
        yield f"groups.{outcome}", str(sum(group.outcome is outcome for group in groups))
    for answer in Attach:
        count = sum(group.attachment.attach is answer for group in groups)
        yield f"attach.{answer}", str(count)


def _isolated(report: Report) -> bool | None:
    """Whether the interrupts of every group are isolated; False if there is no group.

    Groups of which no VFIO driver takes a member do not count. Returns None if the groups cannot be
    read, or if some group's outcome is unknown.
    """
    if report.groups_read is not None and report.groups_read.why != "absent":
        return None
    outcomes = {group.outcome for group in report.attachable}
    if not outcomes:
        return False
    if outcomes & {Outcome.REFUSED, Outcome.BY_OVERRIDE}:
        return False
    return None if Outcome.UNKNOWN in outcomes else True


def _parameter(report: Report, name: str) -> bool | None:
    """Whether any module has the parameter set, or would have it set once loaded."""
    values = {
        override.pending if override.value is None else override.value
        for override in report.overrides
        if override.name.endswith(f".{name}")
    }
    return True if True in values else None if None in values else False


def _word(truth: bool | None) -> str:
    """The value that a selector compares with; unknown is a value of its own."""
    return "unknown" if truth is None else str(truth).lower()


OUTPUT = Output("text/plain; charset=utf-8", _parts)
