"""Every walk is one that the guest can take, and what the daemon has wrong is one line."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from lab import table, walk
from lab.guest.walk import changes, comparing

WALKING = [cell for cell in table.cells().values() if cell.walk]


@pytest.mark.parametrize("name", sorted(table.walks()))
def test_each_action_of_a_walk_is_one_that_the_guest_knows(name: str) -> None:
    for step in table.walks()[name]:
        for action in step.split(";"):
            verb, *words = action.split()
            inspect.signature(changes.ACTIONS[verb]).bind(*words)


@pytest.mark.parametrize("cell", WALKING, ids=lambda cell: cell.name)
def test_what_a_walk_plugs_has_a_place_and_is_plugged_out_by_its_name(cell: table.Cell) -> None:
    devices = " ".join(cell.devices_of_all)
    names = set()
    for device in walk.plugged(cell.steps):
        options = dict(part.split("=") for part in device.split(",")[1:])
        names.add(options["id"])
        assert f"id={options['bus']}," in devices
        assert "drive" not in options or f"node-name={options['drive']}," in devices
    actions = [action.split() for step in cell.steps for action in step.split(";")]
    assert {words[1] for words in actions if words[0] == "unplug"} <= names


def test_a_walk_is_booted_on_amd64_and_arm64_and_with_both_answers_of_the_kernel() -> None:
    walked = {(run.cell.arch, run.cell.expect) for run in table.whole_set() if run.cell.walk}
    assert walked == {("amd64", "allowed"), ("amd64", "refused"), ("arm64", "allowed")}


def handed(*rows: dict[str, Any], status: str = "0\n", log: str = "") -> dict[str, bytes]:
    return {
        "walk.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "serve.status": status.encode(),
        "serve.log": log.encode(),
    }


RIGHT = {"step": "unplug hot1", "took": 1.0, "told": 0.25, "full": 2.0, "differences": []}


def test_a_step_that_the_daemon_followed_is_told_with_its_time() -> None:
    given = handed({**RIGHT, "readings": {"listings": 1, "devices": 2}})
    assert walk.faults(given, ("unplug hot1",)) == []
    assert walk.rows(given) == ["unplug hot1: told after 0.25 s (listings 1, devices 2)"]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            handed({**RIGHT, "told": None, "differences": ["a: x", "b: y"]}),
            "walk, unplug hot1: a: x and 1 more",
        ),
        (
            handed({"step": "unplug hot1", "failed": "Late: it goes: not within 90 s"}),
            "walk, unplug hot1: Late: it goes: not within 90 s",
        ),
        (handed(), "walk: 1 steps were not taken, the first is unplug hot1"),
        ({**handed(RIGHT), "walk.err": b"Traceback\nKeyError: 'hot9'\n"}, "walk: KeyError: 'hot9'"),
        (handed(RIGHT, status=""), "walk: the daemon ended with no status"),
        (handed(RIGHT, status="134"), "walk: the daemon ended with 134"),
        (
            handed(RIGHT, log="vfioguard: the host could not be read: x"),
            "walk: the daemon says: vfioguard: the host could not be read: x",
        ),
    ],
    ids=["another", "not done", "not taken", "a bug", "no daemon", "a signal", "its log"],
)
def test_what_should_not_be_is_one_line(given: dict[str, bytes], fault: str) -> None:
    assert walk.faults(given, ("unplug hot1",))[0] == fault


def report(driver: str | None, **more: object) -> dict[str, Any]:
    devices = [{"bdf": "0000:01:00.0", "driver": driver}]
    return {"generated_at": str(more), "groups": [{"id": 3, "devices": devices}], **more}


def test_two_reports_of_one_state_do_not_differ_though_their_times_do() -> None:
    assert comparing.differences(report(None), report(None)) == []
    assert comparing.differences({"generated_at": 1}, {"generated_at": 2}) == []


@pytest.mark.parametrize(
    ("ours", "full", "line"),
    [
        (
            report("igb"),
            report(None),
            'groups id 3 devices bdf 0000:01:00.0 driver: the daemon says "igb", a full reading n',
        ),
        (
            report("igb", groups=[{"id": 2}]),
            report("igb", groups=[{"id": 2}, {"id": 3}]),
            'groups id 3: the daemon says "nothing", a full reading {"id": 3}',
        ),
        (
            report("igb", groups=[{"id": 4}, {"id": 3}]),
            report("igb", groups=[{"id": 3}, {"id": 4}]),
            'groups order [0]: the daemon says "id 4", a full reading "id 3"',
        ),
        ({"a": [1, 2]}, {"a": [1]}, "a: the daemon says [1, 2], a full reading [1]"),
        (
            {"a": "x" * 200 + "1"},
            {"a": "x" * 200 + "2"},
            'a: the daemon says "xxxxx1", a full reading "xxxxx2"',
        ),
    ],
    ids=["a field", "a group", "the order", "a list", "a long text"],
)
def test_a_difference_names_its_place(ours: object, full: object, line: str) -> None:
    assert comparing.differences(ours, full)[0].startswith(line)


def test_counts_of_interrupts_are_no_difference_but_their_chips_are() -> None:
    before = "      CPU0   CPU1  \n  4:   9   0  IO-APIC  4-edge  ttyS0\n"
    later = before.replace("   9   0", "  10   1")
    assert comparing.differences(before, later) == []
    assert comparing.differences(before, later.replace("IO-APIC", "IR-IO-APIC")) != []


def test_registers_of_a_function_are_no_difference_but_what_was_read_from_them_is() -> None:
    before = {"path": "/sys/bus/pci/devices/0000:01:00.0/config", "raw": "a", "value": True}
    assert comparing.differences(before, {**before, "raw": "b"}) == []
    assert comparing.differences(before, {**before, "value": False}) != []
