"""The commands where Python is all that there is: `-S` hides whatever else is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, REFUSED
from tests.support import trees
from tests.support.hosts import x86_host

REPOSITORY = Path(__file__).parent.parent.parent


#: An interpreter without site-packages (python(1)).
BARE = [sys.executable, "-S", "-m", "vfioguard"]


def bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BARE, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["report", "--root", ALLOWED], 0),
        (["report", "--root", ALLOWED, "--output", "json"], 0),
        (["report", "--root", ALLOWED, "--output", "prometheus"], 0),
        (["report", "--root", ALLOWED, "--output", "nfd"], 0),
        (["check", "--root", ALLOWED, "0000:01:00.0"], 0),
        (["explain", "--root", ALLOWED, "group:1"], 0),
        (["explain", "--root", ALLOWED, "EPERM"], 0),
        (["policies", "--root", ALLOWED], 0),
        (["firmware", "--root", ALLOWED], 0),
        (["diff", ALLOWED, REFUSED], 1),
        (["serve", "--config.check", "--config.file", "/dev/null"], 0),
        (["serve", "--self-test", "--root", ALLOWED, "--config.file", "/dev/null"], 0),
        (["serve", "--help"], 0),
    ],
)
def test_a_command_needs_python_alone(arguments: list[str], status: int) -> None:
    result = bare(*arguments)
    assert (result.returncode, result.stderr) == (status, "")
    assert result.stdout


def test_a_capture_needs_python_alone(tmp_path: Path) -> None:
    capture = str(tmp_path / "host.tar.xz")
    assert bare("capture", "--root", ALLOWED, capture).returncode == 0
    assert bare("report", "--root", capture).stdout == bare("report", "--root", ALLOWED).stdout


def test_watch_needs_python_alone(tmp_path: Path) -> None:
    host = trees.write(tmp_path, x86_host(1))
    command = [*BARE, "watch", "--root", host]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.kill()
    assert "1 allowed of 1 IOMMU groups" in first


def test_the_daemon_says_what_to_install() -> None:
    result = bare("serve", "--config.file", "/dev/null", "--web.listen-address", "127.0.0.1:0")
    assert (result.returncode, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert line.endswith(": install vfioguard[serve]")
    assert line.startswith("vfioguard: serve needs the Python module ")
