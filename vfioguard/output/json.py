"""The Report as JSON, which scripts rely on. Fields are added, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vfioguard.fact import Fact, Gap
from vfioguard.logic import Answer, Proof
from vfioguard.output import Output, Style
from vfioguard.report import (
    SCHEMA_VERSION,
    DeviceReport,
    FindingReport,
    GroupReport,
    Report,
    UngroupedDevice,
)
from vfioguard.verdict import Verdict

if TYPE_CHECKING:
    from vfioguard.json_shapes import report as shapes
    from vfioguard.json_shapes.proof import Claim, GapLeaf, Part

#: Raw text and parts of a proof are cut at these lengths: 4,096 members prove no more than 64.
_RAW = 256
_PARTS = 64


def _parts(report: Report, _style: Style) -> Iterator[str]:
    """The text group by group: one value of the whole report would take ten times its memory."""
    yield dumps(head_json(report))[:-1]
    yield from _list("groups", map(group_json, report.groups))
    yield from _list("ungrouped_devices", map(ungrouped_json, report.ungrouped))
    yield from _list("findings", map(finding_json, report.findings))
    yield from _list("gaps", map(gap_json, report.gaps))
    yield "}\n"


def _list(name: str, values: Iterable[object]) -> Iterator[str]:
    yield f',"{name}":['
    between = ""
    for value in values:
        yield between + dumps(value)
        between = ","
    yield "]"


def dumps(value: object) -> str:
    """JSON without blanks, in printable ASCII: `json` itself would leave DEL as it is."""
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")


def tail_json(report: Report) -> shapes.ReportTail:
    """The members of a report behind its groups."""
    return {
        "ungrouped_devices": [ungrouped_json(device) for device in report.ungrouped],
        "findings": [finding_json(finding) for finding in report.findings],
        "gaps": [gap_json(gap) for gap in report.gaps],
    }


def head_json(report: Report) -> shapes.ReportHead:
    """The members of a report before its groups."""
    host = report.host
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": report.generated_at,
        "host": {
            "kernel": host.kernel,
            "arch": host.arch,
            "iommu": list(host.iommu),
            "policies_in_force": list(host.policies_in_force),
            "pinned_policy": host.pinned,
            "interrupt_remapping": None if host.remapping is None else host.remapping.truth,
        },
        "overrides": {override.name: override.value for override in report.overrides},
        "pending_overrides": {
            override.name: override.pending
            for override in report.overrides
            if override.value is None
        },
        "firmware": dict(report.firmware),
        "groups_read": None if report.groups_read is None else gap_json(report.groups_read),
    }


def group_json(group: GroupReport) -> shapes.Group:
    """One group with its proof."""
    return {
        "id": group.id,
        "type": group.type,
        "devices": [device_json(device) for device in group.devices],
        "outcome": group.outcome,
        "needs_override": group.headline.needs_override,
        "policy": group.headline.policy,
        "backends": {
            name: None if verdict is None else verdict_json(verdict)
            for name, verdict in group.backends
        },
        "series": verdict_json(group.series),
        "agrees": group.agrees,
        "holders": _holders(group),
    }


def _holders(group: GroupReport) -> list[shapes.Holder] | None:
    if group.holders is None:
        return None
    return [
        {"pid": holder.pid, "name": holder.name, "since": holder.since} for holder in group.holders
    ]


def device_json(device: DeviceReport) -> shapes.Device:
    """One member of a group."""
    return {
        "name": device.name,
        "bus": device.bus,
        "driver": device.driver,
        "class": class_code(device.pci_class),
        "isolated": device.isolated.truth,
    }


def finding_json(finding: FindingReport) -> shapes.Finding:
    """A finding with its proof."""
    return {
        "finding": finding.name,
        "severity": finding.severity,
        "summary": finding.summary,
        "because": claim_json(finding.because),
    }


def ungrouped_json(device: UngroupedDevice) -> shapes.Ungrouped:
    """A PCI function in no group."""
    return {
        "name": device.name,
        "driver": device.driver,
        "class": class_code(device.pci_class),
        "binds": device.binds,
        "reason": device.reason,
    }


def class_code(code: int | None) -> str | None:
    """A PCI class code as sysfs prints it: "0x020000". Returns None for None."""
    return None if code is None else f"0x{code:06x}"


def verdict_json(verdict: Verdict) -> shapes.Verdict:
    """The verdict of one policy: `because` proves the interrupt test, `override` its switch."""
    return {
        "policy": verdict.policy,
        "outcome": verdict.outcome,
        "needs_override": verdict.needs_override,
        "because": claim_json(verdict.isolated),
        "override": claim_json(verdict.override),
    }


def claim_json(answer: Answer) -> Claim:
    """A claim with the parts of its proof; `omitted` counts those that are cut."""
    shown: Claim = {
        "claim": answer.claim,
        "truth": answer.truth,
        "because": [_part_json(part) for part in answer.because[:_PARTS]],
    }
    if len(answer.because) > _PARTS:
        shown["omitted"] = len(answer.because) - _PARTS
    return shown


def _part_json(proof: Proof) -> Part:
    match proof:
        case Answer():
            return claim_json(proof)
        case Fact():
            raw = proof.raw[:_RAW].decode("ascii", "backslashreplace")
            return {"path": proof.source, "raw": raw}
        case Gap():
            return gap_json(proof)


def gap_json(gap: Gap) -> GapLeaf:
    """A gap: the path, and why nothing could be read from it."""
    return {"path": gap.source, "why": gap.why, "errno": gap.errno, "detail": gap.detail}


OUTPUT = Output("application/json", _parts)
