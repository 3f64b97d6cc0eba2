"""The kernel's answers beside ours: what is compared, what is not, and the document of it all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab import agreement, judge
from lab.truth import truth

REPOSITORY = Path(__file__).parent.parent.parent
HOSTS = REPOSITORY / "tests" / "fixtures" / "sysfs"
CALLS = ("open", "set_container", "set_iommu", "get_device")


def line(unsafe: int, **more: Any) -> str:
    """What the guest's attach says of one group, in which all calls succeed."""
    calls = {f"{call}_errno": 0 for call in CALLS}
    compat = {f"compat_{call}_errno": -1 for call in CALLS[1:]}
    row = {
        "kind": "group", "group": 3, "unsafe": unsafe, "name": "", "type": "DMA",
        "devices": ["0000:01:00.0"], "endpoints": 1, "bound": 1, "viable": 1, "type1": "OK",
        "iommufd": "-", "set_iommu_noiommu": -1, "vfio_type": 3, "cdev": [],
    }  # fmt: skip
    return json.dumps(row | calls | compat | more)


def answers(*lines: str) -> dict[str, Any]:
    handed = {
        "phases": b"1.0 init\n2.0 done\n",
        "attach.jsonl": "\n".join(lines).encode(),
        "dmesg": b"[    0.000000] Linux version 6.12.1-arm64 (a@b)\n",
    }
    return truth(handed, {"name": "x"})


def test_the_call_that_answered_is_kept_for_each_setting_of_the_parameter() -> None:
    refused = line(0, type1="EPERM", set_iommu_errno=1, get_device_errno=-1)
    said = answers(line(-1), refused, line(1))
    (group,) = said["groups"]
    assert said["release"] == "6.12.1-arm64"
    assert (group["type1_asis"], group["type1_stage_asis"]) == ("OK", None)
    assert (group["type1_safe"], group["type1_stage_safe"]) == ("EPERM", "set_iommu")
    assert (group["type1_unsafe"], group["type1_stage_unsafe"]) == ("OK", None)


@pytest.mark.parametrize(
    ("safe", "said"),
    [
        ({}, False),
        ({"type1": "EPERM", "set_iommu_errno": 1}, True),
        ({"type1": "EPERM", "set_container_errno": 1}, None),
        ({"type1": "ENODEV", "set_iommu_errno": 19}, None),
    ],
)
def test_only_set_iommu_tells_of_interrupts(safe: dict[str, Any], said: bool | None) -> None:
    (group,) = answers(line(0, **safe))["groups"]
    assert judge.needs_override(group, "type1", "6.12.1") is said


def test_groups_that_differ_are_the_trait_of_a_boot() -> None:
    both = answers(line(0), line(0, group=4, type1="EPERM", set_iommu_errno=1))
    assert judge.trait(both) == "both"
    assert judge.trait(answers(line(0))) == "allowed"
    assert judge.trait(answers()) == "nothing"


@pytest.mark.parametrize("state", judge.STATES)
def test_a_wrong_answer_is_counted_and_named(state: str) -> None:
    folder = str(HOSTS / "6.1-amd64--vtd-noir")
    said = json.loads((HOSTS / "6.1-amd64--vtd-noir" / "truth.json").read_text())
    group = next(group for group in said["groups"] if group["type1_stage_safe"] == "set_iommu")
    for setting in ("asis", "safe"):
        group[f"type1_{setting}"], group[f"type1_stage_{setting}"] = "OK", None
    for compare in (judge.compared, judge.whole):
        rows = compare(said, judge.report(folder, state), state)
        assert judge.tally(rows)["wrong"] == 1
        (told,) = judge.differences(rows)
        assert told.startswith(f"group {group['group']} ({' '.join(group['devices'])}) by type1: ")
        assert told.endswith("the kernel says yes, vfioguard no")


def test_a_group_that_was_not_bound_tells_nothing_of_the_attach() -> None:
    folder = str(HOSTS / "6.1-amd64--vtd-noir")
    said = json.loads((HOSTS / "6.1-amd64--vtd-noir" / "truth.json").read_text())
    said["bind"] = {}
    assert judge.whole(said, judge.report(folder, "as-booted"), "as-booted") == []


@pytest.mark.parametrize(("container", "wrong"), [("OK", 0), ("EPERM", 1)])
def test_a_container_of_iommufd_is_judged_as_the_devices_own_files(
    container: str, wrong: int
) -> None:
    host = HOSTS / "6.12-amd64--vtd-noir-iommufd-unsafe"
    said = json.loads((host / "truth.json").read_text())
    report = judge.report(str(host), "bound")
    alone = judge.tally(judge.whole(said, report, "bound"))
    group = next(group for group in said["groups"] if group["iommufd_asis"] == "OK")
    group["compat_asis"] = container
    both = judge.tally(judge.whole(said, report, "bound"))
    assert both["right"] + both["wrong"] == alone["right"] + 1
    assert both["wrong"] == wrong


@pytest.mark.timeout(300)
def test_the_document_shows_what_the_hosts_say() -> None:
    assert (REPOSITORY / "docs" / "agreement.md").read_text() == agreement.document()
