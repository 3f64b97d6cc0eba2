"""What `check` foretold in a guest, beside the attach: answer, errno and call must come true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab import foretold, own
from lab.foretold import Met, Row


def said(answer: str, errno: str | None = None, call: str | None = None) -> dict[str, Any]:
    return {"answer": answer, "errno": errno, "call": call}


def folder(at: Path, state: str, **targets: dict[str, Any]) -> str:
    rows = [
        {"target": target.replace("_", ":"), "backends": backends}
        for target, backends in targets.items()
    ]
    Path(foretold.path(str(at), state)).write_text(json.dumps({"targets": rows}))
    return str(at)


def truth(*, bind: str = "OK", alone: bool = False, **group: object) -> dict[str, Any]:
    device = "0000:01:00.0"
    answers = {"type1_asis": "OK", "type1_stage_asis": None, "iommufd_asis": "-"}
    known = {"group": 7, "devices": [device], "endpoints": 1, **answers}
    return {
        "bind": [{"device": device, "group": None if alone else 7, "bind": bind}],
        "groups": [] if alone else [known | group],
    }


EPERM = {"type1_asis": "EPERM", "type1_stage_asis": "set_iommu"}


@pytest.mark.parametrize(
    ("kernel", "foretells", "right"),
    [
        ({}, said("yes"), True),
        ({}, said("yes-by-override"), True),
        ({}, said("no", "EPERM", "VFIO_SET_IOMMU"), False),
        ({}, said("unknown"), None),
        (EPERM, said("no"), True),
        (EPERM, said("yes"), False),
        (EPERM, said("no", "EPERM", "VFIO_SET_IOMMU"), True),
        (EPERM, said("no", "EINVAL", "VFIO_SET_IOMMU"), False),
        (EPERM, said("no", "EPERM", "VFIO_GROUP_SET_CONTAINER"), False),
        ({"bind": "EINVAL"}, said("no", "EINVAL", "bind"), True),
        ({"bind": "EINVAL"}, said("no", "EPERM", "VFIO_SET_IOMMU"), False),
    ],
)
def test_answer_errno_and_call_must_come_true(
    tmp_path: Path, kernel: dict[str, Any], foretells: dict[str, Any], right: bool | None
) -> None:
    at = folder(tmp_path, "as-booted", group_7={"type1": foretells})
    (row,) = foretold.rows(at, truth(**kernel), "as-booted")
    assert row.is_right is right
    assert len(list(foretold.differences([row]))) == (right is not True)
    assert foretold.tally([row]) == {{True: "right", False: "wrong", None: "unknown"}[right]: 1}


def test_iommufd_has_answers_of_its_own(tmp_path: Path) -> None:
    no = said("no", "EPERM", "VFIO_DEVICE_BIND_IOMMUFD")
    at = folder(tmp_path, "as-booted", group_7={"type1": said("yes"), "iommufd": no})
    rows = foretold.rows(at, truth(iommufd_asis="EPERM"), "as-booted")
    assert [(row.backend, row.is_right) for row in rows] == [("type1", True), ("iommufd", True)]


def test_a_group_of_which_the_lab_left_a_member_alone_tells_nothing(tmp_path: Path) -> None:
    at = folder(tmp_path, "as-booted", group_7={"type1": said("yes")})
    assert foretold.rows(at, truth(endpoints=2), "as-booted") == []
    assert foretold.rows(at, truth(type1_asis="-"), "as-booted") == []


def test_a_device_in_no_group_is_compared_by_its_bind(tmp_path: Path) -> None:
    backends = {"": said("no", "EINVAL", "bind")}
    file = Path(foretold.path(str(tmp_path), "as-booted"))
    file.write_text(json.dumps({"targets": [{"target": "0000:01:00.0", "backends": backends}]}))
    (row,) = foretold.rows(str(tmp_path), truth(alone=True, bind="EINVAL"), "as-booted")
    assert row.is_right
    (row,) = foretold.rows(str(tmp_path), truth(alone=True, bind="EIO"), "as-booted")
    assert list(foretold.differences([row])) == [
        "check of 0000:01:00.0 by no backend: foretold no EINVAL bind, the kernel says no EIO bind"
    ]


def test_a_device_whose_bind_makes_its_group_is_compared_by_the_attach_of_it(
    tmp_path: Path,
) -> None:
    backends = {"type1": said("no", "EPERM", "VFIO_SET_IOMMU")}
    file = Path(foretold.path(str(tmp_path), "as-booted"))
    file.write_text(json.dumps({"targets": [{"target": "0000:01:00.0", "backends": backends}]}))
    made = truth()
    made["groups"][0].update(EPERM)
    made["bind"][0]["group"] = None
    (row,) = foretold.rows(str(tmp_path), made, "as-booted")
    assert row.is_right
    assert row.kernel == Met(False, "EPERM", "VFIO_SET_IOMMU")


def test_where_nothing_can_be_opened_the_answer_alone_is_compared() -> None:
    nothing = Met(False, "ENOENT", "open")
    assert Row("group:7", "", nothing, Met(False, "EINVAL", "bind")).is_right is True
    assert Row("group:7", "", nothing, Met(True)).is_right is False
    assert Row("group:7", "type1", nothing, Met(False, "EINVAL", "bind")).is_right is False


def test_the_second_check_is_held_against_try(tmp_path: Path) -> None:
    backends = {"type1": said("yes"), "iommufd": said("no", "EPERM", "VFIO_DEVICE_BIND_IOMMUFD")}
    at = folder(tmp_path, "bound", group_7=backends, group_8={"type1": said("yes")})
    met = {
        "type1": {"errno": None, "call": None},
        "iommufd": {"errno": "EPERM", "call": "VFIO_DEVICE_BIND_IOMMUFD"},
    }
    targets = [
        {"target": "group:7", "group": 7, "backends": met},
        {"target": "group:8", "group": 8, "backends": {}},
    ]
    Path(own.answers(at)).write_text(json.dumps({"targets": targets}))
    rows = foretold.rows(at, truth(), "bound")
    assert [(row.target, row.is_right) for row in rows] == [("group:7", True)] * 2


def test_a_check_that_printed_nothing_is_a_fault_and_is_not_compared(tmp_path: Path) -> None:
    folder(tmp_path, "as-booted", group_7={"type1": said("yes")})
    assert not foretold.answered(str(tmp_path), "bound")
    Path(foretold.path(str(tmp_path), "bound")).write_text("")
    assert not foretold.answered(str(tmp_path), "bound")
    assert foretold.faults(str(tmp_path), truth()) == ["bound: check gave no answer"]
    assert foretold.faults(str(tmp_path), {"bind": [], "groups": []}) == []
