"""`vfioguard capture`: what the ordinary readers read, as a file."""

from __future__ import annotations

import argparse

from vfioguard.cli import host
from vfioguard.cli.arguments import Parser, add_root
from vfioguard.cli.failure import Failure
from vfioguard.cli.verbs import Verb
from vfioguard.reading.take import take
from vfioguard.root import Root, capture
from vfioguard.root.memory import Entry
from vfioguard.root.recording import Recording

_ENDINGS = (".tar", ".tar.gz", ".tar.xz")


def _arguments(parser: Parser) -> None:
    add_root(parser)
    parser.add_argument("file", metavar="FILE.tar.xz", help="the file to write")


def _run(options: argparse.Namespace) -> int:
    """Write the capture. Nothing in it leaves the machine by itself."""
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


VERB = Verb(
    help="record the facts of a host, for a bug report or a test",
    arguments=_arguments,
    run=_run,
)
