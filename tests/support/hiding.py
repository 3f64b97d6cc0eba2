"""A root without some of its files, like a host that lacks what they show."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select

#: The paths that show interrupts. Without them only firmware, sysfs classes and the log speak.
_INTERRUPTS = ("/sys/kernel/irq", "/proc/interrupts", "/sys/kernel/debug")


def shows_interrupts(path: str) -> bool:
    """Whether a path is evidence of the interrupts that a machine has."""
    return path.startswith(_INTERRUPTS) or "/msi_irqs" in path


class Hiding:
    """`inner` without the paths that `hidden` picks; these are absent."""

    def __init__(self, inner: Root, hidden: Callable[[str], bool] = shows_interrupts) -> None:
        self._inner = inner
        self._hidden = hidden

    def _check(self, path: str) -> str:
        if self._hidden(path):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return path

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        return self._inner.read(self._check(path), limit, select)

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        return self._inner.head(self._check(path), size, select)

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._inner.search(self._check(path), needles, begin)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._inner.records(self._check(path), limit, select)

    def readlink(self, path: str) -> str:
        return self._inner.readlink(self._check(path))

    def listdir(self, path: str) -> list[str]:
        return self._inner.listdir(self._check(path))

    def subdirectories(self, path: str) -> int | None:
        return self._inner.subdirectories(self._check(path))

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._inner.source(path)
