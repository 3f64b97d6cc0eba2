"""A host that turns into another one while it is read."""

from __future__ import annotations

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select


class Vanishing:
    """Answers as `before` for the first `calls` calls, then as `after`."""

    def __init__(self, before: Root, after: Root, calls: int) -> None:
        self._before = before
        self._after = after
        self._left = calls

    def _now(self) -> Root:
        self._left -= 1
        return self._before if self._left >= 0 else self._after

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        return self._now().read(path, limit, select)

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        return self._now().head(path, size, select)

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._now().search(path, needles, begin)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._now().records(path, limit, select)

    def readlink(self, path: str) -> str:
        return self._now().readlink(path)

    def listdir(self, path: str) -> list[str]:
        return self._now().listdir(path)

    def subdirectories(self, path: str) -> int | None:
        return self._now().subdirectories(path)

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._before.source(path)
