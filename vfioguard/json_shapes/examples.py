"""One example of each JSON document, for /openapi.json: a host without interrupt remapping."""

from __future__ import annotations

from vfioguard.change import Direction, Kind
from vfioguard.json_shapes.answers import Check, CheckProblem, GroupList, OneDevice, OneGroup
from vfioguard.json_shapes.change import Change
from vfioguard.json_shapes.firmware import Firmware
from vfioguard.json_shapes.proof import Claim
from vfioguard.json_shapes.report import Device, Group, Report, Verdict
from vfioguard.verdict import Outcome

_AT = "2026-11-22T18:00:00Z"
_NAME = "0000:41:00.0"
_REASON = f"no: {_NAME} has isolated MSIs (generic PCI-MSI)"
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
_GROUP: Group = {
    "id": 12,
    "type": "DMA-FQ",
    "devices": [_DEVICE],
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    "policy": "iommu_group_has_isolated_msi",
    "backends": {"type1": _VERDICT, "iommufd": None},
    "series": _SERIES,
    "agrees": True,
    "holders": [],
}
_REPORT: Report = {
    "schema_version": 1,
    "generated_at": _AT,
    "host": {
        "kernel": "6.12.107+deb13-amd64",
        "arch": "x86_64",
        "iommu": ["dmar0"],
        "policies_in_force": ["iommu_group_has_isolated_msi"],
        "pinned_policy": None,
        "interrupt_remapping": False,
    },
    "overrides": {"vfio_iommu_type1.allow_unsafe_interrupts": False},
    "pending_overrides": {},
    "firmware": {"dmar": "present", "ivrs": "absent"},
    "groups_read": None,
    "groups": [_GROUP],
    "ungrouped_devices": [],
    "findings": [],
    "gaps": [],
}
_GROUP_LIST: GroupList = {"schema_version": 1, "generated_at": _AT, "groups": [_GROUP]}
_ONE_GROUP: OneGroup = {"schema_version": 1, "generated_at": _AT, **_GROUP}
_ONE_DEVICE: OneDevice = {
    "schema_version": 1,
    "generated_at": _AT,
    "device": _DEVICE,
    "outcome": Outcome.REFUSED,
    "needs_override": True,
    "group": _GROUP,
}
_CHECK: Check = {
    "schema_version": 1,
    "generated_at": _AT,
    "target": _NAME,
    "group": 12,
    "outcome": Outcome.BY_OVERRIDE,
    "level": "Warning",
    "needs_override": True,
    "policy": "iommu_group_has_isolated_msi",
    "reason": f"only by the override; {_REASON}",
    "series": Outcome.BY_OVERRIDE,
    "agrees": True,
}
_CHECK_PROBLEM: CheckProblem = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": f"refused {_NAME} group:12 by iommu_group_has_isolated_msi; {_REASON}",
    **_CHECK,
    "outcome": Outcome.REFUSED,
    "level": "Error",
    "reason": _REASON,
    "series": Outcome.REFUSED,
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
    "schema_version": 1,
    "sentence": "The firmware forbids interrupt remapping: the DMAR does not set INTR_REMAP.",
    "interrupt_remapping": {
        "possible": False,
        "reasons": ["the DMAR does not set INTR_REMAP"],
        "missing_io_apics": [],
    },
    "memory": {"regions": [], "gaps": []},
    "tables": [],
}
#: Shape -> example.
EXAMPLES: dict[type, object] = {
    Report: _REPORT,
    GroupList: _GROUP_LIST,
    OneGroup: _ONE_GROUP,
    OneDevice: _ONE_DEVICE,
    Check: _CHECK,
    CheckProblem: _CHECK_PROBLEM,
    Change: _CHANGE,
    Firmware: _FIRMWARE,
}
