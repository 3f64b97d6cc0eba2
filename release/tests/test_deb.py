"""What is in the Debian package that VFIOGUARD_DEB names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from release.grammar import verbs
from release.settings import example

REPOSITORY = Path(__file__).parents[2]
DEB = os.environ["VFIOGUARD_DEB"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("files")
    subprocess.run(["dpkg-deb", "-x", DEB, str(directory)], check=True)
    return directory


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("control")
    subprocess.run(["dpkg-deb", "-e", DEB, str(directory)], check=True)
    return directory


def test_the_settings_are_the_administrators(files: Path, control: Path) -> None:
    assert (control / "conffiles").read_text().split() == ["/etc/vfioguard.toml"]
    assert (files / "etc" / "vfioguard.toml").read_text() == example()


def test_every_unit_is_packaged(files: Path) -> None:
    ours = {file.name for file in (REPOSITORY / "systemd").iterdir() if file.suffix != ".sysusers"}
    units = files / "usr" / "lib" / "systemd" / "system"
    examples = files / "usr" / "share" / "doc" / "vfioguard" / "examples"
    packaged = {file.name for file in units.iterdir()}
    packaged |= {file.name for file in examples.iterdir()} if examples.exists() else set()
    assert packaged == ours
    assert "vfioguard.service" in packaged


def test_the_daemon_and_its_sockets_are_started_and_the_textfile_is_not(control: Path) -> None:
    script = (control / "postinst").read_text()
    assert "for unit in vfioguard.socket vfioguard.service; do" in script
    assert "vfioguard-report" not in script
    assert "restart vfioguard.service " in script


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_a_script_is_one_that_a_shell_can_read(control: Path, name: str) -> None:
    assert "@" not in (control / name).read_text()
    subprocess.run(["dash", "-n", str(control / name)], check=True)


def test_no_user_is_removed_as_none_is_made(files: Path, control: Path) -> None:
    made = (files / "usr" / "lib" / "sysusers.d" / "vfioguard.conf").read_text()
    assert not [line for line in made.splitlines() if line.startswith("u")]
    assert "userdel" not in (control / "postrm").read_text()


def test_every_library_has_its_licence(files: Path) -> None:
    text = (files / "usr" / "share" / "doc" / "vfioguard" / "copyright").read_text()
    infos = sorted((files / "usr" / "lib" / "vfioguard").glob("*.dist-info"))
    assert len(infos) > 10
    for info in infos:
        if not info.name.startswith("vfioguard-"):
            assert f"Files: usr/lib/vfioguard/{info.name.split('-')[0]}*\n" in text
    for line in text.splitlines():
        if line.startswith("  /usr/lib"):
            assert (files / line.strip().removeprefix("/")).is_file()


def test_nothing_is_compiled_before_it_is_installed(files: Path) -> None:
    assert not list(files.rglob("__pycache__"))


def test_nobody_but_root_may_write_and_all_may_read(files: Path) -> None:
    for path in files.rglob("*"):
        assert path.lstat().st_mode & 0o777 in ({0o755} if path.is_dir() else {0o644, 0o755})
    programs = [path for path in files.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    assert programs == [files / "usr" / "bin" / "vfioguard"]


@pytest.mark.parametrize(
    "path",
    [
        "usr/share/bash-completion/completions/vfioguard",
        "usr/share/zsh/vendor-completions/_vfioguard",
        "usr/share/fish/vendor_completions.d/vfioguard.fish",
    ],
)
def test_completions_know_every_verb(files: Path, path: str) -> None:
    text = (files / path).read_text()
    assert all(verb.name in text for verb in verbs())
