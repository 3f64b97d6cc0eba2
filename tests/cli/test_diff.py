"""`vfioguard diff` as scripts and people meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ConfigDict, TypeAdapter

from tests.cli.test_cli import ALLOWED, HOSTS, NO_GROUPS, REFUSED, vfioguard
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.change.codec import MARK, encode
from vfioguard.change.state import state_of
from vfioguard.cli.verbs.diff import state_at
from vfioguard.json_shapes.change import Difference
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.capture import load

OLDER = str(HOSTS / "6.1-amd64--vtd-ir" / "as-booted.tar.xz")


def test_the_same_host_is_silence_and_0() -> None:
    result = vfioguard("diff", ALLOWED, ALLOWED)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_worst_comes_first_and_what_changed_alike_shares_a_line() -> None:
    result = vfioguard("diff", OLDER, REFUSED)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.splitlines()[:2] == [
        "worse:  since kernel 6.12.107+deb13-amd64 interrupt remapping is off; it was on",
        "worse:  24 groups (0-23): allowed -> refused (another predicate, interrupt remapping)",
    ]


def test_the_way_back_is_better() -> None:
    result = vfioguard("diff", REFUSED, OLDER)
    assert "better: since kernel 6.1.0-50-amd64 interrupt remapping is on" in result.stdout


def test_json_has_every_change_as_the_events_have_it() -> None:
    result = vfioguard("diff", OLDER, REFUSED, "--output", "json")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["before"]["interrupt_remapping"] is True
    assert document["after"]["groups"] == 24
    assert sum(change["kind"] == "outcome" for change in document["changes"]) == 24
    exact = ConfigDict(extra="forbid")  # of a shape that is within another
    TypeAdapter(tuple[Difference], config=exact).validate_python((document,))


def test_a_state_file_a_directory_and_a_capture_are_the_same_host(tmp_path: Path) -> None:
    report = evaluate(take(load(ALLOWED)), "2026-11-22T18:00:00Z")
    kept = tmp_path / "state.json"
    kept.write_bytes(encode(state_of(report, None)))
    assert vfioguard("diff", str(kept), ALLOWED).returncode == 0
    tree = write(tmp_path / "host", x86_host(2))
    assert vfioguard("diff", tree, tree).returncode == 0
    result = vfioguard("diff", str(kept), tree)
    assert result.returncode == 1
    assert "is gone" in result.stdout


def test_a_host_without_groups_is_no_failure() -> None:
    result = vfioguard("diff", ALLOWED, NO_GROUPS)
    assert result.returncode == 1
    assert "group 0 is gone" in result.stdout


def test_this_host_is_its_own_boot() -> None:
    here = state_at("/", None, [])
    assert here.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (MARK + b"1,", "it is damaged"),
        (MARK + b"2}", "it has version 2, and this vfioguard knows 1"),
        (b"{}", "not a capture"),
        (None, "No such file"),
    ],
)
def test_what_is_no_side_is_one_line_and_exit_3(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_bytes(content)
    result = vfioguard("diff", ALLOWED, str(path))
    (line,) = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (3, "")
    assert complaint in line
    assert str(path) in line


def test_a_pinned_policy_judges_both_sides() -> None:
    result = vfioguard("diff", OLDER, REFUSED, "--policy", "iommu_capable")
    assert "groups are judged by" not in result.stdout
