"""The Report as JSON: what scripts rely on. Fields are added, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TypeAlias

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

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

#: Raw text and parts of a proof beyond these are cut: 4,096 members prove no more than 64.
_RAW = 256
_PARTS = 64


def _parts(report: Report, _style: Style) -> Iterator[str]:
    """Group by group: the whole as one value would take ten times its text."""
    yield dumps(head_json(report))[:-1]
    yield from _list("groups", map(group_json, report.groups))
    yield from _list("ungrouped_devices", map(ungrouped_json, report.ungrouped))
    yield from _list("findings", map(finding_json, report.findings))
    yield from _list("gaps", map(gap_json, report.gaps))
    yield "}\n"


def _list(name: str, values: Iterable[Json]) -> Iterator[str]:
    yield f',"{name}":['
    between = ""
    for value in values:
        yield between + dumps(value)
        between = ","
    yield "]"


def dumps(value: Json) -> str:
    """Compact, stable, printable ASCII: json itself would leave DEL as it is."""
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")


def tail_json(report: Report) -> dict[str, Json]:
    """What stands behind the groups."""
    return {
        "ungrouped_devices": [ungrouped_json(device) for device in report.ungrouped],
        "findings": [finding_json(finding) for finding in report.findings],
        "gaps": [gap_json(gap) for gap in report.gaps],
    }


def head_json(report: Report) -> dict[str, Json]:
    """What stands before the groups."""
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


def group_json(group: GroupReport) -> dict[str, Json]:
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


def _holders(group: GroupReport) -> list[Json] | None:
    if group.holders is None:
        return None
    return [
        {"pid": holder.pid, "name": holder.name, "since": holder.since} for holder in group.holders
    ]


def device_json(device: DeviceReport) -> dict[str, Json]:
    """One member of a group."""
    return {
        "name": device.name,
        "bus": device.bus,
        "driver": device.driver,
        "class": class_code(device.pci_class),
        "isolated": device.isolated.truth,
    }


def finding_json(finding: FindingReport) -> dict[str, Json]:
    """A finding with its proof."""
    return {
        "finding": finding.name,
        "severity": finding.severity,
        "summary": finding.summary,
        "because": proof_json(finding.because),
    }


def ungrouped_json(device: UngroupedDevice) -> dict[str, Json]:
    """A PCI function in no group."""
    return {
        "name": device.name,
        "driver": device.driver,
        "class": class_code(device.pci_class),
        "binds": device.binds,
        "reason": device.reason,
    }


def class_code(code: int | None) -> str | None:
    """As sysfs prints it: "0x020000"."""
    return None if code is None else f"0x{code:06x}"


def verdict_json(verdict: Verdict) -> dict[str, Json]:
    """One policy's verdict: `because` proves the interrupt test, `override` its switch."""
    return {
        "policy": verdict.policy,
        "outcome": verdict.outcome,
        "needs_override": verdict.needs_override,
        "because": proof_json(verdict.isolated),
        "override": proof_json(verdict.override),
    }


def proof_json(proof: Proof) -> dict[str, Json]:
    """A claim with its parts, or a leaf: a path with what it held or why it could not be read."""
    match proof:
        case Answer(claim, truth, because):
            shown: dict[str, Json] = {
                "claim": claim,
                "truth": truth,
                "because": [proof_json(part) for part in because[:_PARTS]],
            }
            if len(because) > _PARTS:
                shown["omitted"] = len(because) - _PARTS
            return shown
        case Fact():
            raw = proof.raw[:_RAW].decode("ascii", "backslashreplace")
            return {"path": proof.source, "raw": raw}
        case Gap():
            return gap_json(proof)


def gap_json(gap: Gap) -> dict[str, Json]:
    """A gap: `why` is absent, denied, malformed or failed."""
    return {"path": gap.source, "why": gap.why, "errno": gap.errno, "detail": gap.detail}


OUTPUT = Output("application/json", _parts)
