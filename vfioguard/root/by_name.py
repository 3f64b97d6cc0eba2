"""Reads below a directory, whose links are resolved here if there is no openat2(2) (in_root.py).

An absolute link leads to the same host. Nothing outside the directory is opened, as long as nobody
changes the tree while it is read.
"""

from __future__ import annotations

import errno
import os

from vfioguard.root import MAX_LINKS, failed


class ByName:
    """Reads below the directory `base`. It remembers where the directories are."""

    def __init__(self, base: str) -> None:
        self._base = base
        # Directories whose links are resolved: path -> path without links, both below the root.
        self._real: dict[str, str] = {"": ""}

    def open(self, path: str, flags: int) -> int:
        """A descriptor of the file that `path` leads to inside."""
        for _ in range(MAX_LINKS + 1):
            real = self._locate(path)
            try:
                return os.open(self._base + real, flags | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
            path = _join(real.rpartition("/")[0], os.readlink(self._base + real))
        raise failed(errno.ELOOP)

    def readlink(self, path: str) -> str:
        """The text of a link."""
        return os.readlink(self._base + self._locate(path))

    def listdir(self, path: str) -> list[str]:
        """The names in a directory."""
        real = self._resolve(path.rstrip("/"))
        names: list[str] = []
        with os.scandir(self._base + real) as entries:
            for entry in entries:
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    self._real[f"{path}/{entry.name}"] = f"{real}/{entry.name}"
        return names

    def _locate(self, path: str) -> str:
        """`path` with its links resolved inside the root, except a link that it ends with."""
        parent, _, leaf = path.rpartition("/")
        if leaf in {"", ".", ".."}:  # only a link's text ends so; ".." could lead outside
            return self._resolve(path)
        real = self._real.get(parent)
        return f"{self._resolve(parent) if real is None else real}/{leaf}"

    def _resolve(self, path: str) -> str:
        """`path` without any link. Raises the OSError that the kernel would raise."""
        known = self._real.get(path)
        if known is not None:
            return known
        real = ""
        todo = path.strip("/").split("/")[::-1]
        links = 0
        while todo:
            name = todo.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                real = real.rpartition("/")[0]
                continue
            step = f"{real}/{name}"
            if self._real.get(step) == step:
                real = step
                continue
            try:
                target = os.readlink(self._base + step)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._real[step] = real = step
                continue
            links += 1
            if links > MAX_LINKS:
                raise failed(errno.ELOOP)
            if target.startswith("/"):
                real = ""
            todo.extend(target.strip("/").split("/")[::-1])
        self._real[path] = real
        return real


def _join(directory: str, target: str) -> str:
    return target if target.startswith("/") else f"{directory}/{target}"
