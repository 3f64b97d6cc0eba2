"""The Report as JSON, which scripts rely on. Fields are added, never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from vfioguard.attach import Attachment, Blocker
from vfioguard.cause_json import names_json, row_json, steps_json
from vfioguard.output import Output, Style
from vfioguard.proof_json import Renderer, Texts, claim_json, dumps, gap_json
from vfioguard.report import (
    SCHEMA_VERSION,
    DeviceReport,
    FindingReport,
    GroupReport,
    Report,
    UngroupedDevice,
)
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import Verdict

if TYPE_CHECKING:
    from vfioguard.json_shapes import attachment as attach
    from vfioguard.json_shapes import report as shapes


def _parts(report: Report, style: Style) -> Iterator[str]:
    """The text group by group: one value of the whole report would take ten times its memory."""
    yield dumps(head_json(report))[:-1]
    yield ',"groups":['
    text = group_texts(proof=style.proof)
    between = ""
    for group in report.groups:
        yield between + text(group)
        between = ","
    yield "]," + dumps(tail_json(report, claim_json if style.proof else None))[1:-1]
    if style.facts:
        from vfioguard.output.facts.json import facts_json  # most reports have none

        yield f',"facts":{dumps({name: facts_json(own) for name, own in style.facts.items()})}'
    yield "}\n"


def group_texts(*, proof: bool) -> Callable[[GroupReport], str]:
    """A function that writes groups as JSON, for one rendering of many."""
    if not proof:
        return lambda group: dumps(group_json(group, None))
    texts = Texts()
    return lambda group: texts.of(partial(group_json, group))


def tail_json(report: Report, claim: Renderer | None = claim_json) -> shapes.ReportTail:
    """The members of a report behind its groups; without proofs if `claim` is None."""
    return {
        "ungrouped": [lone_json(device, claim) for device in report.ungrouped],
        "ungrouped_devices": [ungrouped_json(device) for device in report.ungrouped],
        "findings": [finding_json(finding, claim) for finding in report.findings],
        "gaps": [gap_json(gap) for gap in report.gaps],
        "causes": [row_json(row) for row in report.causes],
    }


def head_json(report: Report) -> shapes.ReportHead:
    """The members of a report before its groups."""
    host = report.host
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "generated_at": report.generated_at,
        "host": {
            "kernel": host.kernel,
            "arch": host.arch,
            "iommu": list(host.iommu),
            "policies_in_force": list(host.policies_in_force),
            "backends_counting": list(host.counting),
            "pinned_policy": host.pinned,
            "pinned_backend": host.chosen.backend,
            "interrupt_remapping": None if host.remapping is None else host.remapping.truth,
        },
        "overrides": {override.name: override.value for override in report.overrides},
        "pending_overrides": {
            override.name: override.pending
            for override in report.overrides
            if override.value is None
        },
        "firmware": dict(report.firmware),
        "assumed": list(host.assumed),
        "shifts": [
            {"before": shift.before, "after": shift.after, "groups": list(shift.groups)}
            for shift in report.shifts
        ],
        "groups_read": None if report.groups_read is None else gap_json(report.groups_read),
    }


def group_json(group: GroupReport, claim: Renderer | None = claim_json) -> shapes.Group:
    """One group; `claim` renders each claim of its proofs, in the order of the members.

    If it is None, proofs are left out, and all that a backend has but its two answers. The series
    is left out then if it says the same as the kernel.
    """
    return {
        "id": group.id,
        "type": group.type,
        "devices": [device_json(device) for device in group.devices],
        "outcome": group.outcome,
        "needs_override": group.headline.needs_override,
        "policy": group.headline.policy,
        **attachment_json(group.attachment, claim),
        "attachable": group.attachable,
        **names_json(group.causes),
        "backends": {
            name: None
            if verdict is None or attachment is None
            else _backend_json(verdict, attachment, claim)
            for (name, verdict), (_, attachment) in zip(
                group.backends, group.attachments, strict=True
            )
        },
        **_compared(group, claim),
        "agrees": group.agrees,
        "holders": _holders(group),
        "holders_gap": group.unseen.detail if group.unseen else None,
    }


def _compared(group: GroupReport, claim: Renderer | None) -> shapes.Compared:
    if claim is None and group.series.outcome is group.outcome:
        return {}
    return {"series": verdict_json(group.series, claim)}


def _backend_json(
    verdict: Verdict, attachment: Attachment, claim: Renderer | None
) -> shapes.BackendVerdict:
    if claim is None:
        return {"outcome": verdict.outcome, "attach": attachment.attach}
    return {**verdict_json(verdict, claim), **attachment_json(attachment, claim)}


def attachment_json(attachment: Attachment, claim: Renderer | None) -> attach.Attachment:
    """The whole attach, through one backend or the worst of several."""
    return {
        "attach": attachment.attach,
        "attach_now": attachment.now,
        "blockers": [blocker_json(blocker, claim) for blocker in attachment.blockers],
        "errno": attachment.errno,
        "call": attachment.call,
    }


def blocker_json(blocker: Blocker, claim: Renderer | None = claim_json) -> attach.Blocker:
    """One reason besides the interrupts for which the kernel refuses an attach."""
    shown: attach.Blocker = {
        "name": blocker.name,
        "lasting": blocker.lasting,
        "device": blocker.device,
        "errno": blocker.errno,
        "call": blocker.call,
    }
    if claim is not None:
        shown["change"] = list(blocker.change)
        shown["because"] = claim(blocker.because)
    return shown


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


def finding_json(finding: FindingReport, claim: Renderer | None) -> shapes.Finding:
    """A finding with its proof."""
    shown: shapes.Finding = {
        "finding": finding.name,
        "severity": finding.severity,
        "summary": finding.summary,
        "change": steps_json(finding.change),
    }
    if claim is not None:
        shown["because"] = claim(finding.because)
    return shown


def ungrouped_json(device: UngroupedDevice) -> shapes.Ungrouped:
    """A PCI function in no group."""
    return {
        "name": device.name,
        "driver": device.driver,
        "class": class_code(device.pci_class),
        "binds": device.binds,
        "reason": device.reason,
    }


def lone_json(device: UngroupedDevice, claim: Renderer | None = claim_json) -> shapes.Lone:
    """The same with its proof, and with the fields of a device in a group."""
    because = None if device.because is None or claim is None else claim(device.because)
    return {
        **ungrouped_json(device),
        "bus": "pci",
        "isolated": None,
        "attach": device.forecast,
        **names_json(device.causes),
        "because": because,
    }


def class_code(code: int | None) -> str | None:
    """A PCI class code as sysfs prints it: "0x020000". Returns None for None."""
    return None if code is None else f"0x{code:06x}"


def verdict_json(verdict: Verdict, claim: Renderer | None) -> shapes.Verdict:
    """The verdict of one policy: `because` proves the interrupt test, `override` its switch."""
    if claim is None:
        return {"outcome": verdict.outcome}
    return {
        "policy": verdict.policy,
        "outcome": verdict.outcome,
        "needs_override": verdict.needs_override,
        "because": claim(verdict.isolated),
        "override": claim(verdict.override),
    }


OUTPUT = Output("application/json", _parts)
