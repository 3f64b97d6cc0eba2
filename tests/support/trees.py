"""Puts a host on a disk."""

from __future__ import annotations

import os
from collections.abc import Mapping

from vfioguard.root.memory import Entry, Link


def write(directory: str | os.PathLike[str], entries: Mapping[str, Entry]) -> str:
    """Create `entries` below `directory` and return its path.

    Raises ValueError for an entry that stands for a refused read.
    """
    base = os.fspath(directory)
    for path, entry in sorted(entries.items()):
        target = base + path
        os.makedirs(target if entry is None else os.path.dirname(target), exist_ok=True)
        match entry:
            case Link(text):
                os.symlink(text, target)
            case bytes():
                with open(target, "wb") as file:
                    file.write(entry)
            case None:
                pass
            case _:
                raise ValueError(f"{path}: a file that cannot be read has no form on a disk")
    return base
