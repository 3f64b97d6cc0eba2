"""The process that is waited for ends as the one that does the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import VFIOGUARD
from tests.support.hosts import x86_host
from tests.support.trees import write

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def host(tmp_path: Path) -> str:
    return write(tmp_path / "host", x86_host(2, remapping=False))


def under_bash(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What became of a command that a script calls "$@"."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *VFIOGUARD, *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def started(*arguments: str, **options: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*VFIOGUARD, *arguments],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def worker(parent: subprocess.Popen[str]) -> int:
    """The child, once it has answered."""
    assert parent.stdout is not None
    parent.stdout.readline()
    (found,) = children(parent.pid)
    return found


def ended(pid: int) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rpartition(") ")[2].startswith("Z"):
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["check", "group:1"], 2), (["check", "group:9"], 3), (["check"], 3), (["report"], 2)],
)
def test_its_status_and_its_output_are_those_of_the_work(
    host: str, arguments: list[str], status: int
) -> None:
    with started(arguments[0], "--root", host, *arguments[1:]) as process:
        said, complaint = process.communicate(timeout=60)
    assert process.returncode == status
    assert bool(said) == (status == 2)
    assert ("Traceback" in complaint, bool(complaint)) == (False, status == 3)


def test_who_ignores_the_end_of_children_gets_the_status_all_the_same(host: str) -> None:
    done = under_bash("trap '' CHLD; exec \"$@\"", "report", "--root", host)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize("descriptors", range(5, 10))
def test_too_few_descriptors_are_no_verdict(host: str, descriptors: int) -> None:
    script = f'ulimit -n {descriptors}; exec "$@"'
    done = under_bash(script, "check", "--root", host, "group:1")
    assert done.returncode == (2 if done.stdout else 3)
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_no_verdict_whenever_it_comes(host: str) -> None:
    command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    command += "print(flush=True); from vfioguard.cli import entry; entry()"
    for number in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", command, "report", "--root", host],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(number * 0.01)
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=30)[0]
        # Before it stands by, Python itself ends by the signal. On a busy machine the child may
        # have answered by then.
        assert process.returncode in ({2, -signal.SIGINT} if said else {130, -signal.SIGINT, 3})


def test_a_reader_that_went_away_is_told_as_before(host: str) -> None:
    done = under_bash('"$@" | true; echo ${PIPESTATUS[0]}', "report", "--root", host)
    assert done.stdout in {"2\n", "3\n"}  # it may have written before `true` ended
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("to_all", [True, False], ids=["terminal", "kill"])
def test_an_interrupt_ends_both(host: str, *, to_all: bool) -> None:
    command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    command += "from vfioguard.cli import entry; entry()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "watch", "--root", host],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        child = worker(process)
        if to_all:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert ended(child)
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_ends_the_parent_ends_the_work(host: str, number: signal.Signals) -> None:
    with started("watch", "--root", host, "--interval", "3600") as process:
        child = worker(process)
        process.send_signal(number)
        assert process.wait(30) == -number
        assert ended(child)


def test_a_signal_that_ends_the_work_ends_the_parent_alike(host: str) -> None:
    with started("watch", "--root", host) as process:
        os.kill(worker(process), signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL


def test_a_capture_is_read_without_a_second_process() -> None:
    capture = "tests/fixtures/sysfs/6.12-amd64--vtd-ir/as-booted.tar.xz"
    with started("watch", "--root", capture) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert children(process.pid) == []
        process.kill()
