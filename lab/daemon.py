"""The daemon for the guest: Debian's packages of its libraries, beside the Python of lab/python.py.

They are of Debian 13, as are the ones that docs/install.md names, so they are for its Python alone.
"""

from __future__ import annotations

import os
import re
import shutil

from lab import cpio, python
from lab.archive import Archive, Suite
from lab.package import contents
from lab.say import Failed, progress

_RELEASE, _VERSION = "trixie", "3.13"
_OF_ARCHITECTURE = [
    f"libpython{_VERSION}-stdlib", "libffi8", "libgcc-s1", "libssl3t64", "libzstd1", "libcap2",
    "libudev1", "python3-markupsafe", "python3-psutil", "python3-pydantic-core",
]  # fmt: skip
_OF_ALL = [
    "python3-annotated-types", "python3-anyio", "python3-click", "python3-decorator",
    "python3-fastapi", "python3-h11", "python3-idna", "python3-jinja2",
    "python3-prometheus-client", "python3-pydantic", "python3-pyudev", "python3-sniffio",
    "python3-starlette", "python3-typing-extensions", "python3-uvicorn",
]  # fmt: skip
_LIBRARY = re.compile(r"lib(ffi|gcc_s|ssl|crypto|zstd|cap|udev)\.so\..*")
#: What lab/python.py leaves out of the standard library, and the daemon imports.
_STANDARD = re.compile(rf"\./usr/lib/python{_VERSION}/((?:asyncio|ctypes|wsgiref)/.*)")
_MODULE = re.compile(r"\./usr/lib/python3/dist-packages/(.*)")
#: Names of packages, and modules that only a developer imports.
_UNWANTED = re.compile(r"(.*/)?([^/]*\.(egg|dist)-info|tests?|testing|__pycache__|v1)/")
_AT = "daemon"
#: pyudev finds the library by the list of ldconfig, which Debian makes at each installation.
_LDCONFIG = "#!/bin/sh\nprintf '1 libs found\\n\\tlibudev.so.1 (libc6,x86-64) => libudev.so.1\\n'\n"


def get(archive: Archive, arch: str) -> dict[str, cpio.File]:
    """The libraries as files of an initramfs, with `bin/daemon-python`. Raises Failed."""
    files = cpio.tree(_folder(archive, arch), _AT)
    python_ = f"/{python.AT}"
    start = (
        f"#!/bin/sh\nPYTHONHOME={python_} PYTHONPATH=/{_AT}/modules exec {python_}/loader "
        f'--library-path {python_}:/{_AT} {python_}/python -sS "$@"\n'
    )
    files["bin/daemon-python"] = cpio.program(start.encode())
    files["sbin/ldconfig"] = cpio.program(_LDCONFIG.encode())
    return files


def _folder(archive: Archive, arch: str) -> str:
    """The folder that holds the libraries; fetched and compiled where it is missing."""
    folder = f"{archive.folder}/guest/{arch}/daemon"
    if os.path.isdir(folder):
        return folder
    if not os.path.isdir(f"{python.home(archive, arch)}/lib/python{_VERSION}"):
        raise Failed(f"the daemon's libraries are for Python {_VERSION}, which {arch} lacks")
    archive.update({Suite(_RELEASE, arch)})
    names = [f"{name}:{arch}/{_RELEASE}" for name in _OF_ARCHITECTURE]
    names += [f"{name}/{_RELEASE}" for name in _OF_ALL]
    shutil.rmtree(f"{folder}.new", ignore_errors=True)
    for path in archive.fetch(names, depends=False):
        progress(f"taking the daemon's libraries out of {os.path.basename(path)}")
        _take(path, f"{folder}.new")
    python.compile_by(python.home(archive, "amd64"), f"{folder}.new/modules")
    os.rename(f"{folder}.new", folder)
    return folder


def module(path: str) -> str | None:
    """The path of a member of a package below the folder of modules; None if it is not wanted."""
    found = _STANDARD.fullmatch(path) or _MODULE.fullmatch(path)
    return None if found is None or _UNWANTED.match(found[1]) else found[1]


def _take(package: str, folder: str) -> None:
    with contents(package) as tar:
        for member in tar:
            base = os.path.basename(member.name)
            to = module(member.name)
            if to is not None:
                python.put(tar, member, f"{folder}/modules/{to}")
            elif _LIBRARY.fullmatch(base):
                python.put(tar, member, f"{folder}/{base}")
