"""The files of the last states: whole or not at all, and never fatal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.states import state
from vfioguard.change.codec import MARK, encode
from vfioguard.serve.telling.state_files import LAST, PREVIOUS, Kept, StateFiles, default_directory

REPOSITORY = Path(__file__).parents[2]
#: Times that a process is killed while it writes states without a pause.
KILLS = int(os.environ.get("VFIOGUARD_KILLS", "100"))


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records]


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    files = StateFiles(str(tmp_path))
    assert files.load("b1") == Kept(None, None)
    files.save(state({0: ["a"]}))
    assert StateFiles(str(tmp_path)).load("b1") == Kept(state({0: ["a"]}), None)


def test_the_first_state_of_a_boot_keeps_the_last_of_the_one_before(tmp_path: Path) -> None:
    old, new = state({0: ["a"]}), state({0: ["b"]}, boot_id="b2")
    files = StateFiles(str(tmp_path))
    files.save(old)
    again = StateFiles(str(tmp_path))
    assert again.load("b2") == Kept(old, old)
    again.save(new)
    again.save(new._replace(kernel="7.0"))
    assert StateFiles(str(tmp_path)).load("b2") == Kept(new._replace(kernel="7.0"), old)


def test_a_damaged_file_is_set_aside_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.json").write_bytes(encode(state({0: ["a"]}))[:-9])
    assert StateFiles(str(tmp_path)).load("b1") == Kept(None, None)
    (line,) = lines(caplog)
    assert "it is damaged" in line
    assert line.endswith("it is state.json.bad-1 now, and what changed since is not known")
    assert os.listdir(tmp_path) == ["state.json.bad-1"]


def test_a_file_of_a_later_version_is_set_aside_not_guessed_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = encode(state()).replace(MARK + b"1", MARK + b"9")
    (tmp_path / "previous-boot.json").write_bytes(raw)
    assert StateFiles(str(tmp_path)).load("b1") == Kept(None, None)
    assert "it has version 9, and this vfioguard knows 1" in lines(caplog)[0]
    assert (tmp_path / "previous-boot.json.bad-1").read_bytes() == raw


def test_of_damaged_files_the_last_three_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "state.json").write_text(f"damage {number}")
        StateFiles(str(tmp_path)).load("b1")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {f"state.json.bad-{n}": f"damage {6 - n}" for n in (1, 2, 3)}


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_only_a_regular_file_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    path = tmp_path / "state.json"
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(encode(state()))
        path.symlink_to("elsewhere")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert StateFiles(str(tmp_path)).load("b1").last is None
    assert len(lines(caplog)) == 1


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".state.json.1", ".state.json.2", ".other.1"))
    for path in (old, young, other):
        path.write_text("half")
    os.utime(old, (time.time() - 3600,) * 2)
    StateFiles(str(tmp_path)).load("b1")
    assert sorted(tmp_path.iterdir()) == sorted([young, other])


def test_a_directory_that_is_not_there_raises_only_when_saved_to(tmp_path: Path) -> None:
    files = StateFiles(str(tmp_path / "gone"))
    assert files.load("b1") == Kept(None, None)
    with pytest.raises(FileNotFoundError):
        files.save(state())


@pytest.mark.parametrize(
    ("value", "directory"), [("/var/lib/a:/var/lib/b", "/var/lib/a"), ("", None), (None, None)]
)
def test_systemd_says_where(value: str | None, directory: str | None) -> None:
    environment = {} if value is None else {"STATE_DIRECTORY": value}
    assert default_directory(environment) == directory


def test_a_kill_at_any_moment_leaves_a_state_that_was_written(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.serve.killing", str(tmp_path), str(KILLS)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    print(
        f"{KILLS} kills: {seen[LAST]} states and {seen[PREVIOUS]} of a boot before were found, all "
        f"whole and as written, {seen['different']} different ones; "
        f"{seen['unfinished']} unfinished files lay beside them"
    )
    assert seen[LAST] > KILLS / 2
    assert seen["unfinished"], "no kill came in the middle of a write"
