"""`vfioguard install-units`: where files go, and units for a program that lies elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_cli import vfioguard
from vfioguard.cli import placing
from vfioguard.cli.placing import Program

UNITS = Path(__file__).parents[2] / "systemd"
OPT = Program("/opt/vfioguard/bin/vfioguard", ("/opt/vfioguard/bin", "/opt/vfioguard/lib", "/usr"))


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """As release/wheel.py lays it. What is in the wheel itself is asked by release/tests."""
    (tmp_path / "man").mkdir()
    (tmp_path / "completion").mkdir()
    (tmp_path / "systemd").symlink_to(UNITS)
    for name in (
        "vfioguard.toml", "man/vfioguard.1", "man/vfioguard.toml.5", "completion/_vfioguard",
        "completion/vfioguard.bash", "completion/vfioguard.fish",
    ):  # fmt: skip
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


def placed(share: Path, program: Program = OPT) -> dict[str, str]:
    return {path: content.decode() for path, content in placing.files(str(share), program)}


def test_every_file_has_its_place(share: Path) -> None:
    paths = placed(share)
    assert paths["/etc/vfioguard.toml"] == "vfioguard.toml\n"
    assert paths["/usr/local/share/man/man1/vfioguard.1"] == "man/vfioguard.1\n"
    assert paths["/usr/local/share/man/man5/vfioguard.toml.5"] == "man/vfioguard.toml.5\n"
    assert paths["/usr/local/share/zsh/site-functions/_vfioguard"] == "completion/_vfioguard\n"
    assert "/usr/local/share/bash-completion/completions/vfioguard" in paths
    assert "/usr/local/share/fish/vendor_completions.d/vfioguard.fish" in paths
    assert paths[placing.SYSUSERS] == (UNITS / "vfioguard.sysusers").read_text()
    for unit in UNITS.glob("vfioguard*.*"):
        if unit.suffix in {".service", ".socket", ".timer"}:
            assert f"/usr/local/lib/systemd/system/{unit.name}" in paths
    assert len(paths) == 6 + len(list(UNITS.iterdir()))


def test_a_unit_starts_the_program_that_pip_installed(share: Path) -> None:
    for path, text in placed(share).items():
        if "/systemd/" in path:
            assert "/usr/bin/vfioguard" not in text
    daemon = placed(share)["/usr/local/lib/systemd/system/vfioguard.service"]
    assert "ExecStart=/opt/vfioguard/bin/vfioguard serve --web.systemd-socket\n" in daemon
    assert "ExecStartPre=/opt/vfioguard/bin/vfioguard serve --self-test\n" in daemon


def test_a_unit_may_execute_what_lies_outside_usr(share: Path) -> None:
    before = re.search("^ExecPaths=(.*)$", (UNITS / "vfioguard.service").read_text(), re.MULTILINE)
    assert before is not None
    for name in ("vfioguard.service", "vfioguard-report.service"):
        text = placed(share)[f"/usr/local/lib/systemd/system/{name}"]
        assert f"\nExecPaths={before[1]} /opt/vfioguard/bin /opt/vfioguard/lib\n" in text
    local = Program("/usr/local/bin/vfioguard", ("/usr/local/lib/python3.13", "/usr"))
    text = placed(share, local)["/usr/local/lib/systemd/system/vfioguard.service"]
    assert f"\nExecPaths={before[1]}\n" in text


def test_the_units_pass_systemd_as_the_packaged_ones_do(share: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    for path, text in placed(share, Program("/bin/true", ("/opt/x",))).items():
        if "/lib/systemd/" in path:
            (units / Path(path).name).write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units.iterdir())],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "directories", "hidden"),
    [
        ("/opt/v/bin/vfioguard", ("/opt/v/lib", "/usr"), None),
        ("/usr/local/bin/vfioguard", ("/usr/local/lib", "/usr/bin"), None),
        ("/srv/rooted/bin/vfioguard", ("/srv/rooted",), None),
        ("/home/v/bin/vfioguard", ("/home/v/lib", "/usr"), "/home/v/bin"),
        ("/home/me/.venv/bin/vfioguard", ("/usr",), "/home/me/.venv/bin"),
        ("/opt/v/bin/vfioguard", ("/opt/v/lib", "/home/me/.pyenv"), "/home/me/.pyenv"),
        ("/var/lib/v/bin/vfioguard", ("/usr",), "/var/lib/v/bin"),
    ],
)
def test_a_program_that_the_sandbox_hides_is_named(
    command: str, directories: tuple[str, ...], hidden: str | None
) -> None:
    assert placing.hidden(Program(command, directories)) == hidden


def test_a_clone_brings_no_units_and_says_so(tmp_path: Path) -> None:
    result = vfioguard("install-units", "--destdir", str(tmp_path))
    assert result.returncode == 3
    assert re.fullmatch(
        "vfioguard: this vfioguard brings no units, .*: make wheel\n", result.stderr
    )
    assert not list(tmp_path.iterdir())
