"""Make a `Root` of the path that people give to `--root`."""

from __future__ import annotations

import os

from vfioguard.fact import printable
from vfioguard.root import Root
from vfioguard.root.patience import Door
from vfioguard.root.tree import Tree


class CannotOpen(Exception):
    """The path cannot be read as a host; the message is one line."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path if path.isprintable() else printable(path)}: {why}")


def open_root(path: str, tables: str = "", door: Door | None = None) -> Root:
    """Open `path`: "/", a directory that looks like a host, or a capture file. Raises CannotOpen.

    `tables`: a directory of ACPI tables that were handed over, or ""; a capture has its own.
    `door`: where the reading thread notes its place, if a read that never returns is given up.
    """
    for named in path, tables:
        if not _is_name(named):
            raise CannotOpen(named, "no path: no file can have such a name")
    try:
        if os.path.isdir(path):
            if not os.path.isdir(os.path.join(path, "sys")):
                raise CannotOpen(path, "no host: it holds no sys directory")
            host = door.around(Tree(path, door.place)) if door else Tree(path)
            return _with_tables(host, tables) if tables else host
        if tables:
            raise CannotOpen(path, "a capture has its own ACPI tables; leave --acpi-tables out")
        from vfioguard.root import capture  # tarfile and lzma: 9 ms that most runs do not need

        try:
            root = capture.load(path)
        except capture.BadCapture as error:
            raise CannotOpen(path, str(error)) from error
        root.listdir("/sys")
    except FileNotFoundError as error:
        if os.path.exists(path):
            raise CannotOpen(path, "no host: it holds no sys directory") from error
        raise CannotOpen(path, error.strerror or str(error)) from error
    except OSError as error:
        raise CannotOpen(path, error.strerror or str(error)) from error
    return root


def _is_name(path: str) -> bool:
    """Whether the kernel can be asked for the path: it has no NUL, and bytes can hold it."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _with_tables(host: Root, directory: str) -> Root:
    from vfioguard.root.handed import Handed  # most runs read the host alone

    try:
        return Handed(host, directory)
    except OSError as error:
        raise CannotOpen(directory, "no directory of ACPI tables") from error
