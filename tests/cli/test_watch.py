"""`vfioguard watch` on a host that changes while it is watched."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cli.test_cli import ALLOWED, vfioguard
from tests.support.hosts import x86_host
from tests.support.trees import write

SWITCH = "vfio_iommu_type1.allow_unsafe_interrupts"
UNSAFE = f"{SWITCH} is set: no attach is refused for its interrupts"
OVERRIDE = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


def _heed() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def watching(root: Path, output: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "vfioguard", "watch", "--root", str(root), "--interval", "1"]
    # Who starts the tests in the background of a shell has SIGINT ignored, and so would the child.
    with subprocess.Popen(
        command,
        stdout=output,
        text=True,
        # Whatever the tester's terminal can do.
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        preexec_fn=_heed,  # noqa: PLW1509 - there are no threads here
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_tells_what_is_then_what_changes_and_ends_with_0(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with watching(root) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert re.fullmatch(r"\S{20} 2 refused of 2 IOMMU groups; kernel 6.12.0-amd64; .*\n", first)
        (root / OVERRIDE).write_text("Y\n")
        told = [process.stdout.readline() for _ in range(3)]
        assert [re.sub(r"^\S{20} ", "", line) for line in told] == [
            f"worse:  {SWITCH} is on; it was off\n",
            f"worse:  finding unsafe_override: {UNSAFE}\n",
            f"better: 2 groups (0-1): refused -> allowed-by-override ({SWITCH})\n",
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""


def test_a_host_that_goes_away_is_a_line_and_no_end(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with watching(root) as process:
        assert process.stdout is not None
        process.stdout.readline()
        root.rename(tmp_path / "gone")
        assert "the host could not be read: " in process.stdout.readline()
        (tmp_path / "gone").rename(root)
        (root / OVERRIDE).write_text("Y\n")
        assert "allow_unsafe_interrupts is on" in process.stdout.readline()


def test_a_terminal_shows_that_it_lives(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    parent, child = pty.openpty()
    with watching(root, child) as process:
        os.close(child)
        seen = b""
        while b"read at " not in seen:
            seen += os.read(parent, 4096)
        assert b"1 allowed of 1 IOMMU groups" in seen
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(parent)


def test_nothing_to_watch_is_one_line_and_exit_3() -> None:
    result = vfioguard("watch", "--root", "/no/such/host")
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_capture_cannot_be_watched_as_it_does_not_change() -> None:
    result = vfioguard("watch", "--root", ALLOWED)
    assert (result.returncode, result.stdout) == (3, "")
    assert "a capture does not change" in result.stderr
    assert result.stderr.count("\n") == 1
