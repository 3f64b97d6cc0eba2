"""`vfioguard diff`: what changed from one host to another, or on a host since an earlier state."""

from __future__ import annotations

import argparse
import os

from vfioguard import wording
from vfioguard.change import SCHEMA_VERSION
from vfioguard.change.codec import LIMIT, MARK, BadState, decode
from vfioguard.change.compare import changes
from vfioguard.change.state import State, state_of
from vfioguard.cli import host
from vfioguard.cli.arguments import Parser, add_output, add_policy
from vfioguard.cli.change_lines import change_lines
from vfioguard.cli.failure import Failure
from vfioguard.cli.verbs import Verb
from vfioguard.fact import value_or
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.identity import boot_id
from vfioguard.output.change.json import change_json, side_json
from vfioguard.proof_json import dumps
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import change as shapes


def _arguments(parser: Parser) -> None:
    parser.add_argument("before", metavar="A", help="/, a directory, a capture or a state file")
    parser.add_argument("after", metavar="B", help="the same; the changes from A to B are printed")
    add_output(parser)
    add_policy(parser)


def _run(options: argparse.Namespace) -> int:
    """Print what changed from A to B. The status is 0 if nothing did, else 1."""
    paths = options.before, options.after
    before, after = (state_at(path, options.policy, options.work.hung) for path in paths)
    differences = changes(before, after)
    if options.output == "json":
        document: shapes.Difference = {
            "schema_version": SCHEMA_VERSION,
            "before": side_json(options.before, before),
            "after": side_json(options.after, after),
            "changes": [change_json(change) for change in differences],
        }
        print(dumps(document))
    else:
        for line in change_lines(differences, color=host.style().color):
            print(line)
    return 1 if differences else 0


def state_at(path: str, policy: str | None, hung: list[str]) -> State:
    """The state of a host, of a capture, or in a file that the daemon kept.

    `hung` gets the paths that still hold a thread. Raises `Failure` or `CannotOpen`.
    """
    if os.path.isfile(path):
        kept = _kept(path)
        if kept is not None:
            return kept
    snapshot, boot = host.read_at(path, lambda root: (take(root), boot_id.read(root)), hung)
    return state_of(evaluate(snapshot, wording.now(), Choice(policy)), value_or(boot, None))


def _kept(path: str) -> State | None:
    """The state that the daemon kept in a file. Returns None if the file holds something else."""
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


VERB = Verb(
    help="what changed between two hosts, captures, or states that the daemon kept",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 nothing changed, 1 something did, 3 error",
)
