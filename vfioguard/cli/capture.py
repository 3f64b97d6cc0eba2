"""`vfioguard capture`: the ordinary readers, recorded."""

from __future__ import annotations

import argparse

from vfioguard.cli import host
from vfioguard.cli.run import Failure
from vfioguard.reading.take import take
from vfioguard.root import Root, capture
from vfioguard.root.memory import Entry
from vfioguard.root.recording import Recording

_ENDINGS = (".tar", ".tar.gz", ".tar.xz")


def run(options: argparse.Namespace) -> int:
    """Write the capture; nothing of it leaves the machine by itself."""
    if not options.file.endswith(_ENDINGS):
        raise Failure(f"{options.file}: name it {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")
    entries = host.read(options, _recorded)
    try:
        capture.save(options.file, entries)
    except OSError as error:
        raise Failure(f"{options.file}: {error.strerror or error}") from error
    print(f"{options.file}: {len(entries)} paths; look at it with tar -tvf before you send it")
    return 0


def _recorded(root: Root) -> dict[str, Entry]:
    recording = Recording(root)
    take(recording)
    return recording.entries
