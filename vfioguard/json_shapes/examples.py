"""One example of each JSON document, for /openapi.json: a host without interrupt remapping."""

from __future__ import annotations

import json

from vfioguard.attach import Attach
from vfioguard.change import Direction, Kind
from vfioguard.json_shapes.answers import GroupList, OneDevice, OneGroup, ProblemHead, WideGroupList
from vfioguard.json_shapes.attachment import Attachment
from vfioguard.json_shapes.cause import Cause, Named, ProvenCause
from vfioguard.json_shapes.change import Change
from vfioguard.json_shapes.check import Check, CheckProblem, Checks, ChecksProblem, Target
from vfioguard.json_shapes.document import Marked
from vfioguard.json_shapes.explain import ExplainedNow
from vfioguard.json_shapes.facts import Facts
from vfioguard.json_shapes.firmware import Firmware
from vfioguard.json_shapes.proof import Claim
from vfioguard.json_shapes.report import Device, Group, Report, Verdict, WideReport
from vfioguard.verdict import Outcome

_AT = "2026-11-22T18:00:00Z"
_NAME = "0000:41:00.0"
_REASON = f"{_NAME} has no isolated MSIs (generic PCI-MSI)"
_SENTENCE = "Interrupt remapping is off: intremap=off on the kernel command line"
_FRESH: Marked = {"schema_version": 1, "stale": None, "read_at": None}
_DEVICE: Device = {
    "name": _NAME,
    "bus": "pci",
    "driver": "vfio-pci",
    "class": "0x020000",
    "isolated": False,
}
_NOT_ISOLATED: Claim = {
    "claim": f"{_NAME} has isolated MSIs (generic PCI-MSI)",
    "truth": False,
    "because": [{"path": "/sys/kernel/irq/24/chip_name", "raw": f"PCI-MSIX-{_NAME}\n"}],
}
_OVERRIDE_OFF: Claim = {
    "claim": "vfio_iommu_type1.allow_unsafe_interrupts is set",
    "truth": False,
    "because": [
        {
            "path": "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
            "raw": "N\n",
        }
    ],
}
_VERDICT: Verdict = {
    "policy": "iommu_group_has_isolated_msi",
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    "because": {
        "claim": "every device of the group has an MSI domain that isolates",
        "truth": False,
        "because": [_NOT_ISOLATED],
    },
    "override": _OVERRIDE_OFF,
}
_SERIES: Verdict = {
    "policy": "vfio_safe_irq_domain",
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    "because": {
        "claim": "interrupt remapping, or no device linked to an MSI controller without it",
        "truth": False,
        "because": [{"path": "/sys/kernel/irq/0/chip_name", "raw": "IO-APIC\n"}],
    },
    "override": _OVERRIDE_OFF,
}
_ATTACHMENT: Attachment = {
    "attach": Attach.NO,
    "attach_now": Attach.NO,
    "blockers": [],
    "errno": "EPERM",
    "call": "VFIO_SET_IOMMU",
}
_CAUSE: Cause = {
    "name": "intremap_off",
    "sentence": f"{_SENTENCE}.",
    "rule": "drivers/iommu/irq_remapping.c setup_irqremap()",
    "helps": True,
    "change": [
        {
            "do": "Remove `intremap=off` from the kernel command line, and reboot.",
            "where": "/etc/default/grub",
        }
    ],
    "ticket": None,
    "last_resort": [],
}
_WHY: list[ProvenCause] = [{**_CAUSE, "because": _NOT_ISOLATED}]
_NAMED: Named = {"cause": "intremap_off", "causes": ["intremap_off"]}
_GROUP: Group = {
    "id": 12,
    "type": "DMA-FQ",
    "devices": [_DEVICE],
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    "policy": "iommu_group_has_isolated_msi",
    "backends": {"type1": {**_VERDICT, **_ATTACHMENT}, "iommufd": None},
    "series": _SERIES,
    "agrees": True,
    **_ATTACHMENT,
    "attachable": True,
    **_NAMED,
    "holders": [],
    "holders_gap": None,
}
_REPORT: Report = {
    **_FRESH,
    "generated_at": _AT,
    "host": {
        "kernel": "6.12.107+deb13-amd64",
        "arch": "x86_64",
        "iommu": ["dmar0"],
        "policies_in_force": ["iommu_group_has_isolated_msi"],
        "backends_counting": ["type1"],
        "pinned_policy": None,
        "pinned_backend": None,
        "interrupt_remapping": False,
    },
    "overrides": {"vfio_iommu_type1.allow_unsafe_interrupts": False},
    "pending_overrides": {},
    "firmware": {"dmar": "present", "ivrs": "absent"},
    "assumed": [],
    "shifts": [],
    "groups_read": None,
    "groups": [_GROUP],
    "ungrouped": [],
    "ungrouped_devices": [],
    "findings": [],
    "gaps": [],
    "causes": [{**_CAUSE, "groups": [12]}],
}
_GROUP_LIST: GroupList = {**_FRESH, "generated_at": _AT, "groups": [_GROUP]}
_FACTS: dict[str, Facts] = {
    _NAME: {
        "id": "8086:10d3",
        "vendor_name": "Intel Corporation",
        "device_name": "82574L Gigabit Network Connection",
        "class_name": "Ethernet controller",
        "physical_function": None,
        "parent": None,
        "port": "0000:40:01.0",
        "numa_node": 1,
        "iommu": "dmar0",
        "reset_methods": ["flr", "bus"],
        "msi_vectors": 0,
        "msi_chip": None,
        "roles": [],
        "driver_override": "vfio-pci",
        "iommufd": {
            "complete": True,
            "offered": True,
            "cdev": "/dev/vfio/devices/vfio0",
            "coherent": True,
        },
    }
}
_ONE_GROUP: OneGroup = {**_FRESH, "generated_at": _AT, **_GROUP, "why": _WHY, "facts": _FACTS}
_ONE_DEVICE: OneDevice = {
    **_FRESH,
    "generated_at": _AT,
    "device": _DEVICE,
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    **_NAMED,
    "why": _WHY,
    "group": _GROUP,
    "facts": _FACTS,
}
_TARGET: Target = {
    "target": _NAME,
    "answer": Attach.BY_OVERRIDE,
    "reason": f"only the override lets it pass: {_SENTENCE}",
    "level": "Warning",
    "errno": None,
    "call": None,
    "devices": [_NAME],
    "bind_first": [_NAME],
    "change": [],
    **_NAMED,
    "why": [_CAUSE],
    "blockers": [],
    "backends": {
        "type1": {"answer": Attach.BY_OVERRIDE, "errno": None, "call": None, "blockers": []}
    },
    "objections": [],
    "host_critical": None,
    "holders_gap": None,
    "group": 12,
    "groups": [12],
    "outcome": Outcome.BY_OVERRIDE,
    "needs_override": True,
    "policy": "iommu_group_has_isolated_msi",
    "series": Outcome.BY_OVERRIDE,
    "agrees": True,
}
_DENIED: Target = {
    **_TARGET,
    "answer": Attach.NO,
    "reason": f"{_SENTENCE} (EPERM from VFIO_SET_IOMMU); remove `intremap=off` ...",
    "level": "Error",
    "errno": "EPERM",
    "call": "VFIO_SET_IOMMU",
    "backends": {
        "type1": {
            "answer": Attach.NO,
            "errno": "EPERM",
            "call": "VFIO_SET_IOMMU",
            "blockers": [],
        }
    },
    "outcome": Outcome.REFUSED,
    "series": Outcome.REFUSED,
}
_CHECK: Check = {**_FRESH, "generated_at": _AT, **_TARGET}
_CHECKS: Checks = {
    **_FRESH,
    "generated_at": _AT,
    "answer": Attach.BY_OVERRIDE,
    "targets": [_TARGET],
}
_CONFLICT: ProblemHead = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": f"no {_NAME} group:12: {_DENIED['reason']}",
}
_CHECK_PROBLEM: CheckProblem = {**_CONFLICT, **_FRESH, "generated_at": _AT, **_DENIED}
_CHECKS_PROBLEM: ChecksProblem = {
    **_CONFLICT,
    **_FRESH,
    "generated_at": _AT,
    "answer": Attach.NO,
    "targets": [_DENIED],
}
_CHANGE: Change = {
    "kind": Kind.OUTCOME,
    "direction": Direction.WORSE,
    "subject": "group:12",
    "group": 12,
    "before": "allowed",
    "after": "refused",
    "cause": _REASON,
    "at": _AT,
    "summary": f"group 12 ({_NAME}) is refused now, and was allowed",
    "devices": [{"name": _NAME, "bus": "pci", "driver": "vfio-pci", "class": "0x020000"}],
}
_FIRMWARE: Firmware = {
    **_FRESH,
    "sentence": "The firmware forbids interrupt remapping: the DMAR does not set INTR_REMAP.",
    "interrupt_remapping": {
        "possible": False,
        "reasons": ["the DMAR does not set INTR_REMAP"],
        "missing_io_apics": [],
    },
    "memory": {"regions": [], "gaps": []},
    "tables": [],
}
_EXPLAINED: ExplainedNow = {
    **_FRESH,
    "generated_at": _AT,
    "kernel": "6.12.107+deb13-amd64",
    "answers": [
        {
            "target": _NAME,
            "outcome": Outcome.REFUSED,
            "group": _GROUP,
            "device": None,
            "message": None,
            "why": _WHY,
            "facts": _FACTS,
        }
    ],
}
#: What a stream of events sends of it.
EVENT: str = f"event: {_CHANGE['kind']}\ndata: {json.dumps(_CHANGE)}\n\n"
#: Shape -> example.
EXAMPLES: dict[type, object] = {
    Report: _REPORT,
    WideReport: _REPORT,
    GroupList: _GROUP_LIST,
    WideGroupList: _GROUP_LIST,
    OneGroup: _ONE_GROUP,
    OneDevice: _ONE_DEVICE,
    Check: _CHECK,
    CheckProblem: _CHECK_PROBLEM,
    Checks: _CHECKS,
    ChecksProblem: _CHECKS_PROBLEM,
    Change: _CHANGE,
    Firmware: _FIRMWARE,
    ExplainedNow: _EXPLAINED,
}
