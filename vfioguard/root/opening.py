"""From what people give `--root` to a `Root`."""

from __future__ import annotations

import os

from vfioguard.root import Root
from vfioguard.root.tree import Tree


class CannotOpen(Exception):
    """`--root` names nothing that can be read as a host; the message is one line."""


def open_root(path: str) -> Root:
    """`/`, a directory, or a capture file."""
    try:
        if os.path.isdir(path):
            return Tree(path)
        from vfioguard.root import capture  # tarfile and lzma: 9 ms that most runs do not need

        try:
            return capture.load(path)
        except capture.BadCapture as error:
            raise CannotOpen(f"{path}: {error}") from error
    except OSError as error:
        raise CannotOpen(f"{path}: {error.strerror or error}") from error
