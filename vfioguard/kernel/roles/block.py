"""/sys/class/block: from a block device down to the PCI functions that its data goes through.

`slaves/` has what device-mapper (LVM, LUKS, multipath), md and bcache stand on
(block/holder.c bd_link_disk_holder()). `loop/backing_file` names a loop device's file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfioguard.kernel.roles.mounts import Mount, around
from vfioguard.kernel.roles.paths import functions_in
from vfioguard.root import Root
from vfioguard.typed import NamedTuple

BLOCK = "/sys/class/block"
_NUMBERS = "/sys/dev/block"
_BTRFS = "/sys/fs/btrfs"
#: Block devices at most that are looked at for one file system.
_MOST = 512
#: Links that lead from a name below /dev to the kernel's name.
_LINKS = 8
#: File systems in memory, or of the kernel itself: they need no device.
_NO_DEVICE = frozenset({"tmpfs", "ramfs", "rootfs", "devtmpfs"})
#: Theirs is the network's device, which has a role of its own.
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "glusterfs", "fuse.glusterfs"})
_IN_MEMORY = re.compile(r"(?:zram|ram)\d+")


class Found(NamedTuple):
    """The PCI functions. `whole`: no other function is needed."""

    functions: frozenset[str]
    whole: bool


_NONE, _UNKNOWN = Found(frozenset(), whole=True), Found(frozenset(), whole=False)


class Disks:
    """Finds the functions behind the file systems of one host."""

    def __init__(self, root: Root, mounts: tuple[Mount, ...]) -> None:
        self._root = root
        self._mounts = mounts

    def of_mount(self, mount: Mount) -> Found:
        """The functions behind a file system."""
        return self._join(self._names(mount))

    def of_node(self, path: str) -> Found:
        """The functions behind a block device's node, such as /dev/dm-1."""
        return self._join([self._named(path)])

    def of_file(self, path: str) -> Found:
        """The functions behind a file."""
        mount = around(self._mounts, path)
        return _UNKNOWN if mount is None else self.of_mount(mount)

    def _names(self, mount: Mount) -> list[str | None]:
        """The block devices of a file system by their names; None stands for one not known."""
        if mount.kind in _NO_DEVICE or mount.kind in _NETWORK:
            return []
        if not mount.number.startswith("0:"):
            try:
                link = self._root.readlink(f"{_NUMBERS}/{mount.number}")
            except OSError:
                return [self._named(mount.source)]
            return [link.rpartition("/")[2]]
        if mount.kind == "btrfs":
            return self._of_btrfs(self._named(mount.source))
        return [None]  # ZFS, overlays, virtiofs and others do not show their devices here

    def _of_btrfs(self, name: str | None) -> list[str | None]:
        """All devices of the btrfs that has the device `name` (fs/btrfs/sysfs.c)."""
        try:
            for number, identity in enumerate(self._root.listdir(_BTRFS)):
                path = f"{_BTRFS}/{identity}/devices"
                if identity == "features" or number > _MOST:
                    continue
                devices = self._root.listdir(path)
                if name in devices:
                    return [*devices]
        except OSError:
            pass  # the one device that is known is told, and that there may be others
        return [name, None]

    def _named(self, path: str) -> str | None:
        """The kernel's name of a node: "dm-0" of /dev/mapper/root. Returns None if not known."""
        for _ in range(_LINKS):
            parent, _, name = path.rpartition("/")
            if not path.startswith("/dev/"):
                return None
            try:
                target = self._root.readlink(path)
            except OSError:
                return name
            path = target if target.startswith("/") else _joined(parent, target)
        return None

    def _join(self, names: list[str | None]) -> Found:
        functions: set[str] = set()
        whole, ends = True, not names
        seen: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name is None or len(seen) > _MOST:
                whole = False
            elif name not in seen:
                seen.add(name)
                own, below = self._one(name)
                functions |= own.functions
                whole = whole and own.whole
                waiting += below
                ends = ends or not below
        return Found(frozenset(functions), whole and ends)  # devices in a ring stand on nothing

    def _one(self, name: str) -> tuple[Found, list[str | None]]:
        """The functions of one block device, and the devices that it stands on."""
        try:
            target = self._root.readlink(f"{BLOCK}/{name}")
        except OSError:
            return _UNKNOWN, []
        slaves = self._list(f"{BLOCK}/{name}/slaves")
        own = frozenset(functions_in(target))
        if own:
            return Found(own, whole=True), [*slaves]
        if slaves:
            # The cache is not among the slaves of a bcache (drivers/md/bcache/super.c).
            return Found(own, whole=not name.startswith("bcache")), [*slaves]
        disk = target.rpartition("/")[0].rpartition("/")[2]
        if self._is_partition(name) and disk:
            return _NONE, [disk]
        if "/nvme-subsystem/" in target:
            return self._paths(target), []
        if name.startswith("loop"):
            return self._loop(name)
        return (_NONE if _IN_MEMORY.fullmatch(name) and self._unbacked(name) else _UNKNOWN), []

    def _is_partition(self, name: str) -> bool:
        try:
            self._root.read(f"{BLOCK}/{name}/partition")
        except OSError:
            return False
        return True

    def _paths(self, target: str) -> Found:
        """The controllers of an NVMe subsystem: native multipath shows none in the disk's path."""
        home = "/sys" + target[target.index("/devices/") :].rpartition("/")[0]
        functions: set[str] = set()
        controllers = [n for n in self._list(home) if re.fullmatch(r"nvme\d+", n)]
        whole = bool(controllers)
        for controller in controllers[:_MOST]:
            try:
                own = {*functions_in(self._root.readlink(f"/sys/class/nvme/{controller}"))}
            except OSError:
                whole = False
                continue
            functions |= own
            whole = whole and bool(own)  # NVMe over Fabrics has none
        return Found(frozenset(functions), whole)

    def _loop(self, name: str) -> tuple[Found, list[str | None]]:
        try:
            raw = self._root.read(f"{BLOCK}/{name}/loop/backing_file")
        except OSError:
            return _UNKNOWN, []
        path = raw.decode("ascii", "surrogateescape").removesuffix("\n")
        mount = around(self._mounts, path)
        return _NONE, [None] if mount is None else self._names(mount)

    def _unbacked(self, name: str) -> bool:
        """Whether a disk in memory has no disk to write to (CONFIG_ZRAM_WRITEBACK)."""
        try:
            raw = self._root.read(f"{BLOCK}/{name}/backing_dev")
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return raw == b"none\n"

    def _list(self, path: str) -> list[str]:
        try:
            return self._root.listdir(path)
        except OSError:
            return []


def _joined(parent: str, target: str) -> str:
    return "/".join(_steps(f"{parent}/{target}"))


def _steps(path: str) -> Iterator[str]:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in {"", "."}:
            kept.append(part)
    return iter(["", *kept])
