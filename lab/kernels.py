"""Debian's kernels by name: `6.12-arm64` is the newest 6.12 for arm64 that the archive has.

Of its packages the lab keeps the kernel, its configuration and the modules that a cell loads.
"""

from __future__ import annotations

import json
import lzma
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from lab.archive import Archive, Suite
from lab.package import contents
from lab.say import Failed, line, progress

#: Debian's architecture of each flavour of a kernel.
FLAVOURS = {
    "amd64": "amd64", "arm64": "arm64", "arm64-16k": "arm64", "riscv64": "riscv64",
    "s390x": "s390x", "ppc64el": "ppc64el", "loong64": "loong64",
}  # fmt: skip
#: The modules of the devices that cells have, by the beginning of a device's name in QEMU.
DRIVERS = {
    "virtio-": "virtio_pci virtio_ccw virtio_mmio virtio_console",
    "virtio-iommu": "virtio_iommu", "virtio-net": "virtio_net", "virtio-blk": "virtio_blk",
    "virtio-rng": "virtio_rng", "virtio-serial": "virtio_console", "nvme": "nvme",
    "e1000e": "e1000e", "igb": "igb igbvf", "qemu-xhci": "xhci_pci",
    "megasas": "megaraid_sas sd_mod",
    "rtl8139": "8139cp 8139too", "ne2k_pci": "ne2k_pci", "ES1370": "snd_ens1370",
}  # fmt: skip
#: Those of the machine itself, which no cell names.
_OF_MACHINE = {"amd64": "ahci i2c_i801 lpc_ich kvm_amd kvm_intel"}
VFIO = [
    "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio_iommu_spapr_tce", "iommufd", "vfio_pci_core",
    "vfio_pci", "vfio_pci_zdev", "mdev",
]  # fmt: skip
_MODULE = re.compile(r".*/modules/[^/]+/(?:kernel|updates)/.*/([^/]+)\.ko(\.xz)?")

#: What apt says of a package that its indexes list and no mirror has.
_GONE = re.compile(r"Not Found|Unable to locate|Couldn't find|Can't (?:find|select)")


class Kernel(NamedTuple):
    """A kernel that the folder has: its release as uname says it, and its files."""

    name: str
    release: str
    image: str
    config: str
    #: The modules that it has, each with those that it needs before it.
    modules: dict[str, list[str]]
    #: Where the files of modules are looked for, in this order.
    folders: tuple[str, ...] = ()

    def module(self, name: str) -> bytes:
        """The file of a module."""
        paths = [f"{folder}/{name}.ko" for folder in self.folders]
        with open(next(path for path in paths if os.path.exists(path)), "rb") as file:
            return file.read()

    def in_order(self, names: Iterable[str]) -> list[str]:
        """These modules and what they need, each after its needs; without those that it lacks."""
        order: list[str] = []

        def load(name: str) -> None:
            if name not in order and name in self.modules:
                for needed in self.modules[name]:
                    load(needed)
                order.append(name)

        for name in names:
            load(name)
        return order


def drivers_of(arch: str, devices: Iterable[str]) -> list[str]:
    """The modules of QEMU's devices and of the machine itself."""
    rows = [device for device in devices if not device.startswith("-")]
    matching = [
        names for prefix, names in DRIVERS.items() if any(row.startswith(prefix) for row in rows)
    ]
    return " ".join([*matching, _OF_MACHINE.get(arch, "")]).split()


def arch_of(name: str) -> str:
    """Debian's architecture of a kernel. Raises Failed if the name has no known flavour."""
    version, _, flavour = name.partition("-")
    arch = FLAVOURS.get(flavour)
    # A name is also that of a folder, so that it may hold no path.
    if arch is None or not re.fullmatch(r"newest|\d[\w.+]*", version):
        raise Failed(f"{name} names no kernel: it is VERSION-FLAVOUR, as 6.12-arm64")
    return arch


def suites_of(name: str) -> set[Suite]:
    """The parts of the archive that may have a kernel."""
    arch, version = arch_of(name), name.partition("-")[0]
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if len(number) == 1:  # the newest of them may be in any release
        number = (*number, 99)
    if number and number < (6, 2):
        return {Suite("bookworm", arch)}
    if number and number < (6, 13) and arch != "loong64":
        return {Suite("trixie", arch)}
    backports = {Suite("trixie-backports", arch)} if arch in ("amd64", "arm64") else set()
    return {Suite("sid", arch)} | backports


def get(archive: Archive, name: str) -> Kernel:
    """The newest kernel of that name, fetched where the folder lacks it.

    A release that the archive lists but no longer has is told, and the next older one is tried.
    Raises Failed if there is none.
    """
    releases = _releases(archive, name)
    if not releases:
        raise Failed(f"{name}: the archive has no such kernel")
    complaint = ""
    for release in releases:
        folder = f"{archive.folder}/kernels/{release}"
        if not os.path.exists(f"{folder}/kernel.json"):
            gone = _fetch(archive, release, arch_of(name), folder)
            if gone:
                line(f"{name}: {release}: {gone}")
                complaint = complaint or gone
                continue
        with open(f"{folder}/kernel.json") as file:
            modules = json.load(file)
        return Kernel(
            name=name, release=release, image=f"{folder}/image", config=f"{folder}/config",
            modules=modules, folders=(f"{folder}/modules",),
        )  # fmt: skip
    raise Failed(f"{name}: {complaint}")


def _releases(archive: Archive, name: str) -> list[str]:
    """The releases of the archive that a name stands for, the newest first."""
    version, _, flavour = name.partition("-")
    flavour = flavour.replace("ppc64el", "powerpc64le")
    number = r"\d+" if version == "newest" else re.escape(version)
    wanted = re.compile(rf"linux-image-({number}(?:\.\d+)*(?:\+deb\d+)?(?:-\d+)?-{flavour})")
    matches = (wanted.fullmatch(package) for package in archive.names("linux-image-"))
    releases = [match[1] for match in matches if match]
    return sorted(releases, key=lambda r: [int(n) for n in re.findall(r"\d+", r)], reverse=True)


def _fetch(archive: Archive, release: str, arch: str, folder: str) -> str | None:
    """Fetch a release. Returns why it cannot be had, or None if the folder has it now.

    The archive is asked once after each update of its indexes.
    """
    note = f"{folder}.gone"
    if archive.is_newer_than_index(note):
        return "the archive no longer has it"
    packages = [f"linux-image-{release}:{arch}"]
    if f"linux-modules-{release}" in archive.names("linux-modules-"):  # from 7.2 on, split in three
        packages = [f"linux-{part}-{release}:{arch}" for part in ("base", "binary", "modules")]
    try:
        paths = archive.fetch(packages, depends=False)
    except Failed as failed:
        if not _GONE.search(str(failed)):
            raise  # no network, no space: another day it may be there
        os.makedirs(os.path.dirname(note), exist_ok=True)
        with open(note, "w"):
            pass
        return str(failed)
    _take(paths, release, folder)
    for path in paths:
        os.unlink(path)
    return None


def _take(paths: list[str], release: str, folder: str) -> None:
    """Keep what a cell needs of a kernel's packages, which unpacked are ten times as much."""
    os.makedirs(folder, exist_ok=True)
    modules: dict[str, bytes] = {}
    kept: dict[str, bytes] = {}
    for path in paths:
        progress(f"taking the kernel out of {os.path.basename(path)}")
        with contents(path) as tar:
            for member in tar:
                module = _MODULE.fullmatch(member.name)
                base = os.path.basename(member.name)
                if member.isfile() and module:
                    content = tar.extractfile(member)
                    assert content is not None
                    modules[module[1].replace("-", "_")] = content.read()
                elif member.isfile() and re.match(r"(vmlinu[xz]|config)(-|$)", base):
                    content = tar.extractfile(member)
                    assert content is not None
                    kept["config" if base.startswith("config") else "image"] = content.read()
    if len(kept) != 2:
        raise Failed(f"{release}: its packages hold no kernel and configuration")
    for name, content_ in kept.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content_)
    needs = _wanted(modules, f"{folder}/modules")
    with open(f"{folder}/kernel.json.new", "w") as text:
        json.dump(needs, text)
    os.rename(f"{folder}/kernel.json.new", f"{folder}/kernel.json")


def _wanted(packed: dict[str, bytes], folder: str) -> dict[str, list[str]]:
    """Keep the modules that a cell may load. Returns what each needs before it, by .modinfo."""
    os.makedirs(folder, exist_ok=True)
    needs: dict[str, list[str]] = {}
    names = [*" ".join([*DRIVERS.values(), *_OF_MACHINE.values()]).split(), *VFIO]
    while names:
        name = names.pop()
        if name in needs or name not in packed:
            continue
        data = packed[name]
        data = lzma.decompress(data) if data[:5] == b"\xfd7zXZ" else data
        with open(f"{folder}/{name}.ko", "wb") as file:
            file.write(data)
        needs[name] = needs_of(data)
        names += needs[name]
    return needs


def needs_of(module: bytes) -> list[str]:
    """The modules that a module needs before it, by its .modinfo."""
    depends = re.search(rb"(?:^|\0)depends=([^\0]*)", module)
    before = re.findall(rb"(?:^|\0)softdep=pre: ([^\0]*)", module)
    both = (depends[1].decode().split(",") if depends else []) + b" ".join(before).decode().split()
    return [needed.replace("-", "_") for needed in both if needed]
