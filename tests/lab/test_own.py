"""What vfioguard did in a guest, beside the C programs: every fault is a line, and none is free."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab import own

HOSTS = Path(__file__).parents[1] / "fixtures" / "sysfs"
BOUND = HOSTS / "6.12-amd64--vtd-noir" / "bound.tar.xz"
OTHER = HOSTS / "6.12-amd64--vtd-ir" / "bound.tar.xz"
STATE = b"0000:01:00.0 ../drivers/vfio-pci 13 DMA\n"


def trial(*, errno: str | None = "EPERM", agrees: bool | None = True) -> dict[str, Any]:
    call = errno and "VFIO_SET_IOMMU"
    return {"errno": errno, "call": call, "agrees": agrees, "foretold": {"answer": "no"}}


def truth(**other: object) -> dict[str, Any]:
    group = {
        "group": 13, "name": "", "bound": 1, "endpoints": 1, "type1_asis": "EPERM",
        "iommufd_asis": "-",
    }  # fmt: skip
    return {"bind": [], "groups": [group | other]}


def folder(at: Path, ours: Path = BOUND, *, why_not: str | None = None, **said: Any) -> str:
    shutil.copy(BOUND, at / "bound.tar.xz")
    shutil.copy(ours, own.capture(str(at), "bound"))
    backends = {} if why_not else {"type1": trial(**said)}
    target = {"target": "group:13", "group": 13, "why_not": why_not, "backends": backends}
    Path(own.answers(str(at))).write_text(json.dumps({"targets": [target]}))
    return str(at)


def handed(**other: bytes) -> dict[str, bytes]:
    return {
        "state.before": STATE, "state.after": STATE, "log.before": b"1\n",
        "dmesg": b"[1.0] WARNING: before\n[2.0] vfio-pci 0000:01:00.0: resetting\n",
    } | {name.replace("_", "."): data for name, data in other.items()}  # fmt: skip


def test_a_guest_in_which_all_is_right_has_no_fault(tmp_path: Path) -> None:
    at = folder(tmp_path)
    assert own.faults(at, truth(), handed()) == []
    assert own.tally(at) == {"right": 1}
    assert own.differences(at) == []


def test_a_capture_with_other_verdicts_is_a_fault_of_each_group(tmp_path: Path) -> None:
    faults = own.faults(folder(tmp_path, OTHER), truth(), handed())
    assert len(faults) > 10
    assert all("bound: " in fault for fault in faults)


def test_a_capture_that_lacks_a_group_is_a_fault(tmp_path: Path) -> None:
    at = folder(tmp_path)
    with tarfile.open(BOUND) as whole, tarfile.open(own.capture(at, "bound"), "w:xz") as cut:
        for member in whole:
            if "iommu_groups/13" not in member.name + member.linkname:
                cut.addfile(member, whole.extractfile(member) if member.isfile() else None)
    faults = own.faults(at, truth(), handed())
    assert "bound: both captures give different verdicts on group 13" in faults


def test_a_capture_that_is_missing_is_told_with_the_last_word(tmp_path: Path) -> None:
    at = folder(tmp_path)
    Path(own.capture(at, "bound")).unlink()
    said = handed(own=b"one\nvfioguard: no space\n")
    assert own.faults(at, truth(), said) == ["bound: no capture by vfioguard: vfioguard: no space"]


def test_try_without_an_answer_is_told_with_the_last_word(tmp_path: Path) -> None:
    at = folder(tmp_path)
    Path(own.answers(at)).write_text("")
    said = handed(try_err=b"ModuleNotFoundError: lzma\n")
    assert own.faults(at, truth(), said) == ["try gave no answer: ModuleNotFoundError: lzma"]


def test_a_guest_without_a_device_needs_no_answer_of_try(tmp_path: Path) -> None:
    at = folder(tmp_path)
    Path(own.answers(at)).write_text("")
    assert own.faults(at, {"bind": [], "groups": []}, handed()) == []


def test_a_device_in_no_group_is_left_alone_by_try(tmp_path: Path) -> None:
    at = folder(tmp_path)
    alone: dict[str, Any] = {
        "target": "0000:00:08.0",
        "group": None,
        "why_not": "in no group",
        "backends": {},
    }
    Path(own.answers(at)).write_text(json.dumps({"targets": [alone]}))
    assert own.faults(at, truth(), handed()) == []


def test_a_group_that_could_have_been_tried_is_a_fault(tmp_path: Path) -> None:
    at = folder(tmp_path, why_not="it is Monday")
    assert own.faults(at, truth(), handed()) == ["group 13 was not tried: it is Monday"]
    assert own.faults(at, truth(bound=0), handed()) == []
    assert own.faults(at, truth(name="vfio-noiommu"), handed()) == []


def test_try_must_meet_what_the_c_program_met(tmp_path: Path) -> None:
    at = folder(tmp_path, errno=None)
    assert own.faults(at, truth(), handed()) == [
        "group 13 by type1: try met OK, the C program EPERM"
    ]


def test_an_answer_that_was_not_foretold_is_wrong(tmp_path: Path) -> None:
    at = folder(tmp_path, agrees=False)
    assert own.tally(at) == {"wrong": 1}
    assert len(own.differences(at)) == 1
    assert own.tally(folder(tmp_path, agrees=None)) == {"unknown": 1}


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (
            {"state_after": b"0000:01:00.0 ../drivers/vfio-pci 13 identity\n"},
            "has changed a driver",
        ),
        (
            {"dmesg": b"[1] a\n[2] WARNING: CPU: 0 PID: 1 at iommu.c\n"},
            "the kernel's log after try",
        ),
    ],
)
def test_a_trace_of_try_is_a_fault(tmp_path: Path, left: dict[str, bytes], said: str) -> None:
    (fault,) = own.faults(folder(tmp_path), truth(), handed(**left))
    assert said in fault
