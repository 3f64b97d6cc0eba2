"""`vfioguard diff`: what is different between two hosts, or a host and what it was."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vfioguard.change import SCHEMA_VERSION, Change, Direction
from vfioguard.change.codec import LIMIT, MARK, BadState, decode
from vfioguard.change.compare import changes
from vfioguard.change.sentence import sentences
from vfioguard.change.state import State, state_of
from vfioguard.cli import host
from vfioguard.cli.run import Failure
from vfioguard.fact import value_or
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.identity import boot_id
from vfioguard.output.change.json import change_json, side_json
from vfioguard.output.json import dumps
from vfioguard.reading.take import take

if TYPE_CHECKING:
    from vfioguard.json_shapes import change as shapes

_LABELS = {
    Direction.WORSE: ("worse:  ", "\x1b[31m"),
    Direction.NEITHER: ("        ", ""),
    Direction.BETTER: ("better: ", "\x1b[32m"),
}
_RESET = "\x1b[0m"


def run(options: argparse.Namespace) -> int:
    """Print what changed from A to B; 0 where nothing did, else 1."""
    paths = options.before, options.after
    before, after = (state_at(path, options.policy, options.work.hung) for path in paths)
    found = changes(before, after)
    if options.output == "json":
        document: shapes.Difference = {
            "schema_version": SCHEMA_VERSION,
            "before": side_json(options.before, before),
            "after": side_json(options.after, after),
            "changes": [change_json(change) for change in found],
        }
        print(dumps(document))
    else:
        for line in lines(found, color=host.style().color):
            print(line)
    return 1 if found else 0


def state_at(path: str, policy: str | None, hung: list[str]) -> State:
    """The state of a host, a capture, or a file that holds one. Raises `Failure`, `CannotOpen`.

    `hung` gets the paths that still hold a thread.
    """
    if os.path.isfile(path):
        kept = _kept(path)
        if kept is not None:
            return kept
    snapshot, boot = host.read_at(path, lambda root: (take(root), boot_id.read(root)), hung)
    return state_of(evaluate(snapshot, host.now(), policy), value_or(boot, None))


def lines(found: Sequence[Change], *, color: bool) -> Iterator[str]:
    """The changes for a person, the worst first; those alike share a line."""
    for direction in Direction:
        label, paint = _LABELS[direction]
        shown = f"{paint}{label}{_RESET}" if color and paint else label
        for line in sentences([change for change in found if change.direction is direction]):
            yield f"{shown}{line}"


def _kept(path: str) -> State | None:
    """What the daemon kept in this file; None where it is no such file."""
    try:
        with open(path, "rb") as file:
            raw = file.read(len(MARK))
            if raw != MARK:
                return None
            return decode(raw + file.read(LIMIT))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from error
    except BadState as error:
        raise Failure(f"{path}: {error}") from error
