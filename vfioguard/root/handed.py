"""The running host with ACPI tables from files, which somebody with more rights handed over.

The kernel shows its tables only to root (mode 0400, drivers/acpi/sysfs.c acpi_table_attr_init()),
and the daemon runs without privileges. systemd reads them as root and passes them on as credentials
(systemd.exec(5), LoadCredential=). In a pod an init container copies them.
"""

from __future__ import annotations

import errno
import os

from vfioguard.root import ACPI_TABLES, ATTRIBUTE, Begin, Directory, Prefixed, Root, Select
from vfioguard.root.tree import Tree

#: The content of a file that says: the host does not have this table. systemd fails the start if a
#: credential's file is missing, unless SetCredential= gives it a content, which cannot be empty.
ABSENT = b"absent"
_LONGEST = len(ABSENT) + 2  # a newline may follow


class Handed:
    """`host` with the tables in `directory`: one file each, with the kernel's name (DMAR, APIC).

    A table without a file there is read from the host. So is a table whose file says that it is
    absent, if the host lists it: the host knows better. Raises NotADirectoryError.
    """

    def __init__(self, host: Root, directory: str) -> None:
        self._host = host
        self._files = Tree(directory)

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        file = self._handed(path)
        if not file:
            return self._host.read(path, limit, select)
        return self._files.read(file, limit, select)

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        file = self._handed(path)
        if not file:
            return self._host.head(path, size, select)
        return self._files.head(file, size, select)

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._host.search(path, needles, begin)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._host.records(path, limit, select)

    def readlink(self, path: str) -> str:
        return self._host.readlink(path)

    def listdir(self, path: str) -> list[str]:
        if path != ACPI_TABLES:
            return self._host.listdir(path)
        handed = [n for n in self._files.listdir("") if _is_signature(n) and self._there(n)]
        try:
            shown = self._host.listdir(path)
        except OSError:
            if not handed:
                raise
            shown = []
        return [*shown, *(name for name in handed if name not in shown)]

    def subdirectories(self, path: str) -> int | None:
        return self._host.subdirectories(path)

    def source(self, path: str) -> str:
        name = _table(path)
        if name and self._there(name):
            return f"{self._files.path}/{name}"
        return self._host.source(path)

    def under(self, path: str) -> Directory:
        below = f"{path.rstrip('/')}/".startswith(f"{ACPI_TABLES}/")
        return Prefixed(self, path) if below else self._host.under(path)

    def _handed(self, path: str) -> str:
        """The file to read instead of `path`, or "" to read the host's own.

        Raises FileNotFoundError if the table is absent.
        """
        name = _table(path)
        there = self._there(name) if name else None
        if there is False and not self._listed(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return f"/{name}" if there else ""

    def _there(self, name: str) -> bool | None:
        """Whether the host has the table, as its file says. Returns None if there is no file.

        A file that cannot be read counts as a table, so that reading it tells why.
        """
        try:
            return self._files.head(f"/{name}", _LONGEST).rstrip(b"\n") != ABSENT
        except OSError as error:
            return None if error.errno == errno.ENOENT else True

    def _listed(self, name: str) -> bool:
        try:
            return name in self._host.listdir(ACPI_TABLES)
        except OSError:
            return False


def _table(path: str) -> str:
    """The name of the table at `path`, or "" if `path` is not a table's."""
    directory, _, name = path.rpartition("/")
    return name if directory == ACPI_TABLES and _is_signature(name) else ""


def _is_signature(name: str) -> bool:
    """Whether `name` can be a table's: four capitals or digits, and a number if tables share them.

    Other credentials have other names.
    """
    return len(name) >= 4 and name.isalnum() and name.isupper()
