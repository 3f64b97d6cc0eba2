"""Hosts of public reports: the cause that vfioguard must name for a device (fixtures/field)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.causing import words
from vfioguard.inference.host import Host
from vfioguard.judging.causes import causes_of, causes_without_group
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root.opening import open_root

FIELD = Path(__file__).parents[1] / "fixtures" / "field"


def _expected() -> list[Any]:
    return [
        pytest.param(case / "root.tar.xz", expected, id=case.name)
        for case in sorted(FIELD.iterdir())
        for expected in json.loads((case / "expected.json").read_text()).get("causes", [])
    ]


def causes_of_device(path: Path, name: str) -> list[CauseReport]:
    """The causes of a device: those of its group, or why it is in none."""
    judged = judge(take(open_root(str(path))), "now", findings=False)
    snapshot, host = judged.snapshot, Host(judged.snapshot)
    for group in judged.report.groups:
        if any(device.name == name for device in group.devices):
            return list(causes_of(host, group, snapshot.group(group.id)))
    device = next(device for device in snapshot.devices if device.name == name)
    return list(causes_without_group(host, device))


@pytest.mark.parametrize(("path", "expected"), _expected())
def test_a_host_of_the_field_is_told_its_cause(path: Path, expected: dict[str, Any]) -> None:
    first, *_ = causes_of_device(path, expected["device"])
    said = words(first)
    assert first.name == expected["cause"]
    for text in expected["says"]:
        assert re.search(text, said), said
    for text in expected["says_not"]:
        assert not re.search(text, said), said


def test_members_that_were_not_recorded_leave_the_group_open() -> None:
    path = FIELD / "other--links-without-groups-dir" / "root.tar.xz"
    names = [cause.name for cause in causes_of_device(path, "0000:03:00.0")]
    assert names == ["members_unrecorded"]
