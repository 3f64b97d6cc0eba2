"""Python for the guest, so that vfioguard itself runs there: Debian's, cut to what a command needs.

The parts of the standard library are compiled here, as a guest without KVM would take a minute. The
bytecode is the same on all architectures.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from functools import cache

from lab import cpio, tools
from lab.archive import Archive, Suite
from lab.package import contents
from lab.say import Failed, line, progress
from release.pyz import build as single

_LIBRARIES = ["libc6", "libexpat1", "zlib1g", "liblzma5"]
#: The dynamic loader of each architecture, and the libraries that Python opens.
_LOADER = re.compile(r"ld(64|-linux-.*)\.so\.\d")
_LIBRARY = re.compile(r"lib(c|m|z|expat|lzma)\.so\..*")
#: Parts of the standard library that no command of vfioguard imports.
_UNWANTED = re.compile(
    r"(asyncio|ctypes|dbm|ensurepip|idlelib|pydoc_data|sqlite3|test|tkinter|turtledemo|unittest"
    r"|venv|wsgiref|xmlrpc|__pycache__|config-.*)/"
)
#: Where it is looked for, in this order. A mirror may list packages that it no longer has.
_RELEASES = (("trixie", "3.13"), ("sid", "3.13"), ("sid", "3.14"))
#: The path of all of it in the guest.
AT = "python"
#: 1980, the first time that a zip can have.
_EPOCH = "315532800"


def get(archive: Archive, arch: str) -> dict[str, cpio.File]:
    """The interpreter as files of an initramfs, with `bin/python`. Raises Failed."""
    files = cpio.tree(home(archive, arch), AT)
    start = f"PYTHONHOME=/{AT} exec /{AT}/loader --library-path /{AT} /{AT}/python -sS"
    start = f'#!/bin/sh\n{start} "$@"\n'
    files["bin/python"] = cpio.program(start.encode())
    return files


def home(archive: Archive, arch: str) -> str:
    """The folder that holds the interpreter; fetched and compiled where it is missing."""
    folder = f"{archive.folder}/guest/{arch}/python"
    if os.path.isdir(folder):
        return folder
    version, paths = _fetch(archive, arch)
    shutil.rmtree(f"{folder}.new", ignore_errors=True)
    for path in paths:
        progress(f"taking Python out of {os.path.basename(path)}")
        _take(path, version, f"{folder}.new")
    _compile(archive, arch, version, f"{folder}.new")
    os.rename(f"{folder}.new", folder)
    return folder


def _fetch(archive: Archive, arch: str) -> tuple[str, list[str]]:
    """The version of an interpreter, and its packages. Raises Failed if no release gives all."""
    complaint = ""
    for release, version in _RELEASES:
        if release == "trixie" and Suite("trixie", arch) not in tools.suites_of(arch):
            continue
        archive.update({Suite(release, arch)})
        names = [f"python{version}-minimal", f"libpython{version}-minimal",
                 f"libpython{version}-stdlib", *_LIBRARIES]  # fmt: skip
        try:
            return version, archive.fetch(
                [f"{name}:{arch}/{release}" for name in names], depends=False
            )
        except Failed as failed:
            line(f"Python {version} for {arch} from {release}: {failed}")
            complaint = complaint or str(failed)
    raise Failed(f"no Python for {arch}: {complaint}")


def _take(package: str, version: str, folder: str) -> None:
    """Put a package's programs, libraries and modules below a folder."""
    library = f"./usr/lib/python{version}/"
    with contents(package) as tar:
        for member in tar:
            base = os.path.basename(member.name)
            inside = member.name.removeprefix(library)
            if member.name == f"./usr/bin/python{version}":
                to = "python"
            elif member.name.startswith(library) and not _UNWANTED.search(inside):
                to = f"lib/python{version}/{inside}"
            elif _LOADER.fullmatch(base):
                to = "loader"
            elif _LIBRARY.fullmatch(base):
                to = base
            else:
                continue
            put(tar, member, f"{folder}/{to}")


def put(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    """Put a member of a package at a path. A second name of the loader is left out."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    second_name = path.endswith("/loader") or member.linkname.startswith("/etc/")
    if member.issym() and second_name:
        return
    if member.issym():
        os.symlink(os.path.basename(member.linkname), path)
    elif member.isfile():
        content = tar.extractfile(member)
        assert content is not None
        with open(path, "wb") as file:
            file.write(content.read())
        os.chmod(path, member.mode)


def _compile(archive: Archive, arch: str, version: str, folder: str) -> None:
    """Compile the modules by the interpreter of this machine's architecture, if it is the same."""
    own = folder if arch == "amd64" else home(archive, "amd64")
    if os.path.isdir(f"{own}/lib/python{version}"):
        compile_by(own, f"{folder}/lib/python{version}")
    # Otherwise it is of another release, and the guest compiles them.


def compile_by(interpreter: str, folder: str, *options: str) -> None:
    """Compile the modules of a folder. Nothing asks for the time of their sources."""
    done = subprocess.run(
        [f"{interpreter}/loader", "--library-path", interpreter, f"{interpreter}/python", "-sS",
         "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *options, folder],
        env={"PYTHONHOME": interpreter}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Failed(f"Python does not compile: {(done.stderr or done.stdout).strip()[-200:]}")


@cache
def pyz(archive: Archive) -> bytes:
    """This checkout of vfioguard as `make pyz` writes it, with bytecode beside its modules."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/vfioguard.pyz"
        single.main(path, _EPOCH)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as whole:
            whole.extractall(f"{folder}/modules")  # noqa: S202 - it was just written
            compile_by(home(archive, "amd64"), f"{folder}/modules", "-b")
            for directory, _, names in os.walk(f"{folder}/modules"):
                for name in names:
                    module = f"{directory}/{name}"
                    if name.endswith(".pyc"):
                        whole.write(module, os.path.relpath(module, f"{folder}/modules"))
        with open(path, "rb") as file:
            return file.read()
