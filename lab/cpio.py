"""Archives of the kernel's initramfs: cpio "newc".

Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple


class File(NamedTuple):
    """What stands at a path: data and permissions; a link has its target as data."""

    data: bytes
    mode: int = 0o100644


def program(data: bytes) -> File:
    """A file that can be run."""
    return File(data, 0o100755)


def link(target: str) -> File:
    """A symbolic link."""
    return File(target.encode(), 0o120777)


#: Where the first program writes; devtmpfs comes later.
CONSOLE = File(b"", 0o020600)


def tree(folder: str, at: str) -> dict[str, File]:
    """The files of a folder and below it, to stand below the path `at`."""
    files: dict[str, File] = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                data = file.read()
            mode = 0o100755 if os.access(path, os.X_OK) else 0o100644
            files[f"{at}/{os.path.relpath(path, folder)}"] = File(data, mode)
    return files


def pack(files: Mapping[str, File]) -> bytes:
    """An archive of these files and the directories that they need, uncompressed.

    Its length is a multiple of 512, so that another archive may follow.
    """
    directories = {
        path[:index] for path in files for index, letter in enumerate(path) if letter == "/"
    }
    entries = {path: File(b"", 0o040755) for path in sorted(directories)}
    packed = [
        _entry(number, path, file)
        for number, (path, file) in enumerate([*entries.items(), *files.items()], 1)
    ]
    whole = b"".join([*packed, _entry(0, "TRAILER!!!", File(b"", 0))])
    return whole + b"\0" * (-len(whole) % 512)


def _entry(number: int, path: str, file: File) -> bytes:
    device = (5, 1) if file is CONSOLE else (0, 0)
    name = path.encode() + b"\0"
    fields = (number, file.mode, 0, 0, 1, 0, len(file.data), 0, 0, *device, len(name), 0)
    head = b"070701" + "".join(f"{field:08X}" for field in fields).encode() + name
    return head + b"\0" * (-len(head) % 4) + file.data + b"\0" * (-len(file.data) % 4)
