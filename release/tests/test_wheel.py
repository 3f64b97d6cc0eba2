"""The wheel that VFIOGUARD_WHEEL names: the daemon's units, man pages and completions with pip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from release.settings import example

REPOSITORY = Path(__file__).parents[2]
WHEEL = os.environ["VFIOGUARD_WHEEL"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def installed(place: Path, extra: str) -> Path:
    """The command of an environment with the wheel, and with what the extra brings."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", place / "bin/python"]
    subprocess.run([*install, f"{WHEEL}{extra}"], check=True)
    return place / "bin" / "vfioguard"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("serve"), "[serve]")


def test_units_man_pages_and_completions_are_in_the_wheel(command: Path) -> None:
    (share,) = command.parents[1].glob("lib/python*/site-packages/vfioguard/share")
    assert (share / "vfioguard.toml").read_text() == example()
    for file in (REPOSITORY / "systemd").iterdir():
        assert (share / "systemd" / file.name).read_bytes() == file.read_bytes()
    assert {file.name for file in (share / "man").iterdir()} == {
        "vfioguard.1", "vfioguard.8", "vfioguard.toml.5",
    }  # fmt: skip
    assert len(list((share / "completion").iterdir())) == 3


def test_without_the_daemon_there_is_nothing_for_a_unit_to_start(tmp_path: Path) -> None:
    result = run(installed(tmp_path / "bare", ""), "install-units", "--destdir", tmp_path / "host")
    assert result.returncode == 3
    assert re.fullmatch(
        r"vfioguard: the units need the Python module \w+: install vfioguard\[serve\]\n",
        result.stderr,
    )
    assert not (tmp_path / "host").exists()


def test_it_refuses_a_place_that_the_sandbox_hides(command: Path, tmp_path: Path) -> None:
    result = run(command, "install-units", "--destdir", tmp_path / "host")
    assert result.returncode == 3
    assert result.stderr.startswith(f"vfioguard: the units do not see {command.parent}: install ")
    assert not (tmp_path / "host").exists()


def test_it_refuses_to_stand_beside_a_package(command: Path, tmp_path: Path) -> None:
    unit = tmp_path / "usr/lib/systemd/system/vfioguard.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    result = run(command, "install-units", "--destdir", tmp_path)
    assert result.returncode == 3
    assert result.stderr == f"vfioguard: {unit} is there: a package has installed the units\n"
