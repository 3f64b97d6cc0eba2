"""What the ordinary readers read, as a file: `capture`, and the answer of `try` beside it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from vfioguard.cli import host
from vfioguard.cli.failure import Failure
from vfioguard.kernel.roles.needed import RECORDED
from vfioguard.reading import facts
from vfioguard.reading.take import take
from vfioguard.root import Root, capture
from vfioguard.root.memory import Entry
from vfioguard.root.recording import Recording
from vfioguard.snapshot import IOMMUFD, TYPE1

_ENDINGS = (".tar", ".tar.gz", ".tar.xz")


def check_name(path: str) -> None:
    """Raise Failure unless the name says which form the file shall have."""
    if not path.endswith(_ENDINGS):
        raise Failure(f"{path}: name it {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")


def write(options: argparse.Namespace, path: str, more: Mapping[str, Entry] = {}) -> int:
    """Write a capture of the host and `more` entries. Returns the number of its paths.

    Raises `Failure` if it cannot be written, and what `host.read` does.
    """
    entries = {**host.read(options, _recorded), **more}
    try:
        capture.save(path, entries)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from error
    return len(entries)


def _recorded(root: Root) -> dict[str, Entry]:
    recording = Recording(root)
    if site := take(recording).site:
        site.read()
        _ = site.log  # a finding or a cause may ask for it
        for module in (TYPE1, IOMMUFD):  # a loaded module has no need of them, a finding has
            site.option(module)
    roles = facts.recorded(root, recording)
    return {**recording.entries, RECORDED: roles}
