"""What the kernel of a boot answered: truth.json."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterable
from typing import Any

#: The parameter allow_unsafe_interrupts of a pass of the guest's attach.
_PASSES = {-1: "asis", 0: "safe", 1: "unsafe"}
_STAGES = ("open", "set_container", "set_iommu", "get_device")


def truth(handed: dict[str, bytes], head: dict[str, Any]) -> dict[str, Any]:
    """The answers of a boot, below what identifies it."""
    binds: list[dict[str, Any]] = []
    groups: dict[int, dict[str, Any]] = {}
    for row in _rows(handed.get("attach.jsonl", b"")):
        if row.pop("kind") == "bind":
            binds.append(row)
        else:
            _add(groups.setdefault(row["group"], _identity(row)), row)
    boot = handed.get("dmesg", b"").decode(errors="replace")
    release = re.search(r"Linux version (\S+)", boot)
    return {
        **head,
        "release": release[1] if release else None,
        "phases": handed["phases"].decode().splitlines(),
        "bind": binds,
        "groups": [groups[group] for group in sorted(groups)],
    }


def _rows(lines: bytes) -> Iterable[dict[str, Any]]:
    return (json.loads(line) for line in lines.decode(errors="replace").splitlines())


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("group", "name", "type", "devices", "endpoints", "bound", "viable")
    return {key: row[key] for key in kept}


def _add(group: dict[str, Any], row: dict[str, Any]) -> None:
    """What one group answered under one setting of the parameter."""
    which = _PASSES[row["unsafe"]]
    group[f"type1_{which}"] = row["type1"]
    # Which call answered: an EPERM of SET_CONTAINER is a group that is not viable, one of SET_IOMMU
    # is about interrupts.
    group[f"type1_stage_{which}"] = next(
        (stage for stage in _STAGES if row[f"{stage}_errno"] > 0), None
    )
    group[f"iommufd_{which}"] = row["iommufd"]
    calls = [row[f"compat_{stage}_errno"] for stage in _STAGES[1:]]
    group[f"compat_{which}"] = _name(next((call for call in calls if call > 0), max(calls)))
    kept = ("cdev", "type1_parm", "iommufd_parm", "vfio_type")
    group[f"raw_{which}"] = {key: row[key] for key in row if key.endswith("_errno") or key in kept}
    group[f"raw_{which}"]["set_iommu_noiommu"] = row["set_iommu_noiommu"]


def _name(number: int) -> str:
    return {0: "OK", -1: "-"}.get(number) or errno.errorcode.get(number, str(number))
