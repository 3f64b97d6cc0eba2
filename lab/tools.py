"""The programs of the guest: C, linked statically, for six architectures by one compiler.

clang and lld of Debian write the code of all of them, so that a new architecture costs a C library
(5 MB) and not a compiler of its own (50 MB).
"""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

from lab.archive import Archive, Suite
from lab.package import contents
from lab.say import Failed, progress

SOURCES = os.path.join(os.path.dirname(__file__), "guest")
_CLANG = "19"
_GCC = "14"
#: lld 19 puts the choosers of memcpy() and its like at wrong places in programs of LoongArch.
_GNU_LD = {"loong64": "binutils-loongarch64-linux-gnu"}


class Target(NamedTuple):
    """How the compiler and QEMU call an architecture of Debian."""

    triplet: str
    qemu: str
    package: str


TARGETS = {
    "amd64": Target("x86_64-linux-gnu", "x86_64", "qemu-system-x86"),
    "arm64": Target("aarch64-linux-gnu", "aarch64", "qemu-system-arm"),
    "riscv64": Target("riscv64-linux-gnu", "riscv64", "qemu-system-riscv"),
    "s390x": Target("s390x-linux-gnu", "s390x", "qemu-system-s390x"),
    "ppc64el": Target("powerpc64le-linux-gnu", "ppc64", "qemu-system-ppc"),
    "loong64": Target("loongarch64-linux-gnu", "loongarch64", "qemu-system-misc"),
}
FIRMWARE = {
    "arm64": ["qemu-efi-aarch64"], "riscv64": ["qemu-efi-riscv64", "opensbi"],
    "loong64": ["qemu-efi-loongarch64"], "amd64": ["seabios"],
}  # fmt: skip


def suites_of(arch: str) -> set[Suite]:
    """The part of the archive that has busybox for an architecture."""
    return {Suite("sid" if arch == "loong64" else "trixie", arch)}


def get(archive: Archive, architectures: list[str]) -> None:
    """QEMU, the compiler and the C libraries for these architectures, into the folder's root."""
    machines = [TARGETS[arch].package for arch in architectures]
    firmware = [name for arch in architectures for name in FIRMWARE.get(arch, [])]
    compiler = [f"lld-{_CLANG}", f"libclang-cpp{_CLANG}"]
    # ipxe-qemu: every network card of QEMU wants its boot ROM.
    linkers = [package for arch, package in _GNU_LD.items() if arch in architectures]
    shared = ["ipxe-qemu", *firmware, *compiler, *linkers]
    paths = archive.fetch([*machines, *shared], depends=True)
    alone = [f"clang-{_CLANG}", f"libclang-common-{_CLANG}-dev"]
    for arch in architectures:
        cross = "" if arch == "amd64" else f"-{arch}-cross"
        alone += [f"libc6-dev{cross}", f"libgcc-{_GCC}-dev{cross}", f"linux-libc-dev{cross}"]
    archive.unpack(paths + archive.fetch(alone, depends=False))
    without = [arch for arch in architectures if not os.path.exists(_busybox(archive, arch))]
    shells = archive.fetch([f"busybox-static:{arch}" for arch in without], depends=False)
    for path in shells:
        arch = path.removesuffix(".deb").rpartition("_")[2]
        _take_busybox(path, _busybox(archive, arch))


def build(archive: Archive, arch: str) -> dict[str, bytes]:
    """The guest's programs for an architecture, by name; built anew where they are older."""
    folder = f"{archive.folder}/guest/{arch}"
    os.makedirs(folder, exist_ok=True)
    built: dict[str, bytes] = {}
    for source in sorted(os.listdir(SOURCES)):
        name, _, kind = source.partition(".")
        if kind != "c" or (name == "outport" and arch != "amd64"):
            continue
        path = f"{folder}/{name}"
        if not _newer(path, f"{SOURCES}/{source}"):
            progress(f"building {name} for {arch}")
            _compile(archive, arch, f"{SOURCES}/{source}", f"{path}.new")
            os.unlink(f"{path}.new.o")
            os.rename(f"{path}.new", path)
        with open(path, "rb") as file:
            built[name] = file.read()
    return built


def _newer(path: str, source: str) -> bool:
    """Whether a program is newer than its source, and than the way in which it is built."""
    made = os.path.getmtime(path) if os.path.exists(path) else 0
    return made >= max(os.path.getmtime(source), os.path.getmtime(__file__))


def _compile(archive: Archive, arch: str, source: str, path: str) -> None:
    triplet, usr = TARGETS[arch].triplet, f"{archive.root}/usr"
    if arch == "amd64":
        headers = [f"{usr}/include", f"{usr}/include/{triplet}"]
        libc, gcc = f"{usr}/lib/{triplet}", f"{usr}/lib/gcc/{triplet}/{_GCC}"
    else:
        headers = [f"{usr}/{triplet}/include"]
        libc, gcc = f"{usr}/{triplet}/lib", f"{usr}/lib/gcc-cross/{triplet}/{_GCC}"
    includes = [word for folder in headers for word in ("-isystem", folder)]
    run(
        [
            *clang(archive, triplet), *includes, "-O2", "-Wall", "-Wextra", "-c",
            "-o", f"{path}.o", source,
        ]
    )  # fmt: skip
    run(
        [
            *_linker(archive, arch), "-static", "-s", "-o", path,
            f"{libc}/crt1.o", f"{libc}/crti.o", f"{gcc}/crtbeginT.o", f"{path}.o",
            "--start-group", f"{libc}/libc.a", f"{gcc}/libgcc.a", f"{gcc}/libgcc_eh.a",
            "--end-group", f"{gcc}/crtend.o", f"{libc}/crtn.o",
        ]
    )  # fmt: skip


def clang(archive: Archive, triplet: str) -> list[str]:
    """The command of the compiler, which writes the code of a target."""
    llvm = f"usr/lib/llvm-{_CLANG}"
    return archive.program(
        f"{llvm}/bin/clang", f"--target={triplet}", "-fintegrated-cc1", "-resource-dir",
        f"{archive.root}/{llvm}/lib/clang/{_CLANG}",
    )  # fmt: skip


def lld(archive: Archive) -> list[str]:
    """The command of the linker, which is one of several by its name."""
    linker = archive.program(f"usr/lib/llvm-{_CLANG}/bin/lld")
    linker[linker.index("--argv0") + 1] = "ld.lld"
    return linker


def _linker(archive: Archive, arch: str) -> list[str]:
    if arch in _GNU_LD:
        return archive.program(f"usr/bin/{TARGETS[arch].triplet}-ld")
    return lld(archive)


def run(command: list[str], folder: str | None = None) -> None:
    """Run a program of the compiler's kind. Raises Failed with its first line."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise Failed(f"the compiler: {next((row for row in said if 'error' in row), said[0])}")


def busybox(archive: Archive, arch: str) -> bytes:
    """Busybox for an architecture: the shell of the guest."""
    with open(_busybox(archive, arch), "rb") as file:
        return file.read()


def _busybox(archive: Archive, arch: str) -> str:
    return f"{archive.folder}/guest/{arch}/busybox"


def _take_busybox(package: str, path: str) -> None:
    """All architectures have it at one path, so that the root cannot hold it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contents(package) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith("/bin/busybox"):
                content = tar.extractfile(member)
                assert content is not None
                with open(f"{path}.new", "wb") as file:
                    file.write(content.read())
                os.rename(f"{path}.new", path)
