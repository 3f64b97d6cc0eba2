"""The libraries of the daemon for each Python that the package runs with, side by side.

Their modules in Python are the same for every Python. Compiled parts are either for all (`abi3`),
or there is one for each, and its name says for which: `_pydantic_core.cpython-313-*.so`. So one
directory serves them all, and a Python loads what is its own.
"""

from __future__ import annotations

import email.parser
import filecmp
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

#: What nfpm.yaml and the launchers say too. The first is Debian 12's.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: By Debian's name of an architecture: uv's name of the platform, and the word in a file's name.
PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_BSD = "License :: OSI Approved :: BSD License"
#: Which of the BSD licences it is, for a library that has only this classifier: by its own file.
UNSAID = {"Jinja2": "BSD-3-Clause"}
#: What an installer notes about itself.
NOISE = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")


def lay(target: Path, wheel: str, requirements: str, arch: str) -> None:
    """The package and what it needs, without what pip would need to remove it again.

    Raises SystemExit if an architecture has no released files, or if a library is not the same for
    all Pythons.
    """
    if arch not in PLATFORMS:
        raise SystemExit(f"uv.lock has no compiled libraries for {arch}: {', '.join(PLATFORMS)}")
    first, *others = PYTHONS
    _install(target, first, arch, ["--require-hashes", "--requirement", requirements])
    _install(target, first, arch, [wheel])
    shutil.rmtree(target / "vfioguard" / "share")  # the package has them where they belong
    _strip(target)
    with tempfile.TemporaryDirectory() as scratch:
        for python in others:
            other = Path(scratch, python)
            _install(other, python, arch, ["--require-hashes", "--requirement", requirements])
            _strip(other)
            _merge(other, target, python, arch)


def own(python: str, arch: str) -> str:
    """The end of the name of a compiled module that only this Python loads."""
    return f".cpython-{python.replace('.', '')}-{MACHINES[arch]}-linux-gnu.so"


def infos(target: Path) -> list[Path]:
    """The metadata of the libraries that come along, but not our own."""
    found = sorted(target.glob("*.dist-info"))
    return [info for info in found if not info.name.startswith("vfioguard-")]


def metadata(info: Path) -> Message:
    """What a library says of itself."""
    return email.parser.HeaderParser().parsestr((info / "METADATA").read_text())


def terms(metadata: Message) -> str:
    """The licence of a library, as SPDX names it. Raises SystemExit if it does not say."""
    said: str | None = metadata["License-Expression"] or metadata["License"]
    if not said and _BSD in metadata.get_all("Classifier", ()):
        said = UNSAID.get(metadata["Name"])
    if not said or "\n" in said:
        name = f"{metadata['Name']} {metadata['Version']}"
        raise SystemExit(f"{name} does not say its licence in one line: {said!r}")
    return said


def _install(target: Path, python: str, arch: str, what: list[str]) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-compile"]
    uv += ["--target", str(target), "--python-version", python, "--no-deps"]
    uv += ["--python-platform", PLATFORMS[arch], "--only-binary", ":all:", "--link-mode", "copy"]
    subprocess.run([*uv, *what], check=True)


def _strip(target: Path) -> None:
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    # PyYAML's fast reader has a libyaml of its own in it. The one that is used needs neither.
    # MarkupSafe does the same without what is compiled of it.
    for pattern in ("yaml/_yaml.*.so", "markupsafe/_speedups.*"):
        for extension in target.glob(pattern):
            extension.unlink()
    for hidden in target.glob("*/.*"):  # notes of its developers
        shutil.rmtree(hidden)
    for info in target.glob("*.dist-info"):
        for name in NOISE:
            (info / name).unlink(missing_ok=True)


def _merge(other: Path, target: Path, python: str, arch: str) -> None:
    """Add what is compiled for this Python alone; anything else has to be there already."""
    for name in _files(other):
        here, there = other / name, target / name
        if here.name.endswith(own(python, arch)):
            shutil.copyfile(here, there)
        elif here.name == "WHEEL":  # it names the Python
            _add_tags(here, there)
        elif here.parent.name == "sboms":  # they differ in the time and place of the build
            continue
        elif not there.exists() or not filecmp.cmp(here, there, shallow=False):
            raise SystemExit(f"{name} is not the same for Python {python} and {PYTHONS[0]}")


def _add_tags(here: Path, there: Path) -> None:
    lines = there.read_text().splitlines()
    new = [
        line
        for line in here.read_text().splitlines()
        if line.startswith("Tag: ") and line not in lines
    ]
    last = max(number for number, line in enumerate(lines) if line.startswith("Tag: "))
    there.write_text("\n".join([*lines[: last + 1], *new, *lines[last + 1 :], ""]))


def _files(directory: Path) -> Iterator[Path]:
    return (path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file())
