"""`vfioguard fleet`: its answer, its failures, its processes and its interrupt."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ConfigDict, TypeAdapter

from tests.cli.test_cli import ALLOWED, HOSTS, NO_GROUPS, REFUSED, vfioguard
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.cli.verbs.fleet import hosts_at
from vfioguard.cli.workers import Lost, Workers
from vfioguard.fleet.sums import NotJudged
from vfioguard.json_shapes.fleet import Fleet


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """A directory of three hosts, a truncated capture and a file that is none."""
    directory = tmp_path / "captures"
    (directory / "below").mkdir(parents=True)
    shutil.copy(REFUSED, directory / "refused.tar.xz")
    shutil.copy(ALLOWED, directory / "below" / "allowed.tar.xz")
    write(directory / "directory", x86_host(3, remapping=True))
    (directory / "half.tar.xz").write_bytes(Path(REFUSED).read_bytes()[:3000])
    (directory / "note.tar").write_text("no capture\n")
    (directory / "truth.json").write_text("{}")
    return directory


def test_a_broken_capture_is_one_line_and_the_rest_is_right(captures: Path) -> None:
    result = vfioguard("fleet", str(captures), "--jobs", "2")
    assert (result.returncode, result.stderr) == (2, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("3 hosts, 2 not judged; ")
    refused = json.loads(vfioguard("report", "--root", REFUSED, "--json").stdout)
    number = sum(
        group["outcome"] == "refused" for group in refused["groups"] if group["attachable"]
    )
    assert any(line.split() == ["refused", "1", "host", str(number), "groups"] for line in lines)
    failed = [line for line in lines if line.startswith("not judged: ")]
    assert [line.split(": ")[1] for line in failed] == ["half.tar.xz", "note.tar"]
    assert "truth.json" not in result.stdout


def test_a_directory_that_is_not_looked_into_is_told(captures: Path, tmp_path: Path) -> None:
    (tmp_path / "rack").mkdir()
    shutil.copy(REFUSED, tmp_path / "rack")
    os.symlink(tmp_path / "rack", captures / "rack")
    os.symlink(captures, captures / "below" / "up")
    os.symlink(captures / "directory", captures / "host")  # a host's directory, by another name
    text = vfioguard("fleet", str(captures), "--all").stdout
    assert text.startswith("4 hosts, 4 not judged; ")
    for name in "rack", "below/up":
        assert f"not judged: {name}: a link to a directory is followed only if named\n" in text
    assert vfioguard("fleet", str(captures / "rack")).stdout.startswith("1 host; ")


def test_a_directory_that_cannot_be_listed_is_told(
    captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("below"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    told = [each for each in hosts_at(str(captures)) if isinstance(each, NotJudged)]
    assert told == [NotJudged(str(captures / "below"), "Permission denied")]


def test_a_name_with_escapes_is_told_once(captures: Path) -> None:
    (captures / "a\x1b[31m\n.tar").touch()
    failed = [
        line for line in vfioguard("fleet", str(captures)).stdout.splitlines() if "x1b" in line
    ]
    assert failed == [r"not judged: a\x1b[31m\x0a.tar: not a capture: it is truncated"]


def test_json_has_the_shape_and_every_host(captures: Path) -> None:
    result = vfioguard("fleet", str(captures), "--output", "json")
    document = json.loads(result.stdout)
    exact = ConfigDict(extra="forbid")  # of a shape that is within another
    TypeAdapter(tuple[Fleet], config=exact).validate_python((document,))
    assert [Path(host["path"]).name for host in document["hosts"]] == [
        "refused.tar.xz",
        "allowed.tar.xz",
        "directory",
    ]
    cause = document["causes"][0]
    assert cause["outcome"] == "refused"
    assert cause["change"]
    assert len(document["not_judged"]) == 2


@pytest.mark.parametrize(
    ("paths", "status"),
    [((ALLOWED,), 0), ((ALLOWED, NO_GROUPS), 3), ((NO_GROUPS, REFUSED), 2), (("/nowhere",), 3)],
)
def test_the_status_is_that_of_the_worst_host(paths: tuple[str, ...], status: int) -> None:
    assert vfioguard("fleet", *paths).returncode == status


def test_a_directory_without_a_host_is_an_error(tmp_path: Path) -> None:
    result = vfioguard("fleet", str(tmp_path))
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1
    assert "holds no capture" in result.stderr


def test_a_piece_that_ends_its_process_or_hangs_costs_that_piece_alone() -> None:
    def work(piece: str) -> int:
        if piece == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if piece == "exits":
            os._exit(7)
        if piece == "swells":
            raise MemoryError
        if piece == "hangs":
            time.sleep(600)
        return int(piece)

    pieces = ["1", "dies", "2", "exits", "3", "hangs", "4", "swells", "5"]
    found = dict(Workers(work, 2, 1.0).results(pieces))
    assert {piece: found[piece] for piece in "12345"} == {str(n): n for n in range(1, 6)}
    lost = {piece: result.why for piece, result in found.items() if isinstance(result, Lost)}
    assert lost == {
        "dies": "the process that judged it ended: signal 9",
        "exits": "the process that judged it ended: status 7",
        "hangs": "not judged within 1 seconds",
        "swells": "there is not enough memory for it",
    }


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_it_is_interrupted(how: signal.Signals, tmp_path: Path) -> None:
    for number in range(300):
        os.symlink(HOSTS / "6.1-amd64--vtd-ir" / "bound.tar.xz", tmp_path / f"{number}.tar.xz")
    command = [sys.executable, "-m", "vfioguard", "fleet", str(tmp_path), "--jobs", "3"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while len(members(process.pid)) < 5:  # who stands by, the command, its three workers
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        if how is signal.SIGINT:  # a terminal interrupts all of them
            os.killpg(process.pid, how)
            assert process.wait(30) == 130
        else:  # the command itself; who stands by ends with it
            os.kill(min(each for each in members(process.pid) if each != process.pid), how)
            process.wait(30)
        while members(process.pid):
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        for each in members(process.pid):
            os.kill(each, signal.SIGKILL)


def members(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            fields = Path("/proc", name, "stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(name))
    return found
