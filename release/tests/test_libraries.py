"""The libraries in the package that VFIOGUARD_DEB names: which Python loads which, by their tags.

A run with 3.11 and with 3.13 is shown by the stages of CI. For 3.12 and 3.14 this is what is shown.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path

import pytest

from release.package.libraries import MACHINES, PYTHONS, own

DEB = os.environ["VFIOGUARD_DEB"]
#: e_machine of ELF's header.
ELF = {"amd64": 62, "arm64": 183}


@pytest.fixture(scope="module")
def arch() -> str:
    return field("Architecture")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("files")
    subprocess.run(["dpkg-deb", "-x", DEB, str(directory)], check=True)
    return directory / "usr/lib/vfioguard"


def field(name: str) -> str:
    result = subprocess.run(["dpkg-deb", "-f", DEB, name], capture_output=True, check=True)
    return result.stdout.decode().strip()


def test_the_package_asks_for_the_pythons_that_it_has_libraries_for() -> None:
    minors = [int(one.removeprefix("3.")) for one in PYTHONS]
    assert minors == list(range(minors[0], minors[-1] + 1))
    wanted = f"python3 (>= 3.{minors[0]}), python3 (<< 3.{minors[-1] + 1})"
    assert field("Depends").startswith(wanted)


def test_what_is_compiled_is_for_one_python_of_each_or_for_all(libraries: Path, arch: str) -> None:
    compiled = sorted(path.relative_to(libraries) for path in libraries.rglob("*.so*"))
    bound = [path for path in compiled if ".abi3." not in path.name]
    modules = {str(path).partition(".")[0] for path in bound}
    assert modules == {"pydantic_core/_pydantic_core"}
    expected = {f"{module}{own(python, arch)}" for module in modules for python in PYTHONS}
    assert {str(path) for path in bound} == expected


@pytest.mark.parametrize("python", PYTHONS)
def test_each_is_of_the_machine_and_of_the_wheel_with_its_tag(
    libraries: Path, arch: str, python: str
) -> None:
    (module,) = libraries.glob(f"pydantic_core/*{own(python, arch)}")
    header = module.read_bytes()[:20]
    assert header[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", header, 18)[0] == ELF[arch]
    (wheel,) = libraries.glob("pydantic_core-*.dist-info/WHEEL")
    tag = f"cp{python.replace('.', '')}"
    # The last number is of the C library that it needs: 2.34 in EL 9, 2.36 in Debian 12.
    form = rf"^Tag: {tag}-{tag}-manylinux_2_([0-9]+)_{MACHINES[arch]}$"
    found = re.findall(form, wheel.read_text(), re.MULTILINE)
    assert found
    assert min(map(int, found)) <= 34


def test_no_two_are_the_same_file_under_two_names(libraries: Path) -> None:
    contents = [path.read_bytes() for path in libraries.glob("pydantic_core/*.so")]
    assert len(set(contents)) == len(PYTHONS)
