"""`vfioguard fleet`: many hosts from their captures, and why they refuse, the worst first."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.cli import host
from vfioguard.cli.arguments import Once, Parser, add_output, add_policy
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.verbs import Verb
from vfioguard.cli.workers import Lost, Workers
from vfioguard.fact import printable
from vfioguard.fleet.of_host import FleetHost, of_report
from vfioguard.fleet.sums import Fleet, NotJudged, fleet_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.opening import CannotOpen, open_root
from vfioguard.verdict import Outcome, exit_code

#: What a capture in a directory is called; a file that is named itself may have any name.
_CAPTURES = (".tar", ".tar.gz", ".tar.xz", ".tgz", ".txz")
#: Seconds for one host. The largest capture that is accepted takes less.
_PATIENCE = 120.0
#: Hosts between two tellings of how far it is.
_STEP = 10


def _arguments(parser: Parser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a capture, a host's directory, or a directory that holds such, at any depth",
    )
    add_output(parser)
    add_policy(parser)
    parser.add_argument("--all", action="store_true", help="text: every cause and host")
    parser.add_argument(
        "--jobs",
        action=Once,
        type=_number,
        metavar="NUMBER",
        help="hosts that are judged at the same time (default: the processors)",
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError("not a number from 1 to 256")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    """Print the sums. The status is that of the worst host; 3 comes before 1, and after 2."""
    hosts = list(dict.fromkeys(each for given in options.paths for each in hosts_at(given)))
    left_out = [each for each in hosts if isinstance(each, NotJudged)]
    fleet = judged([each for each in hosts if isinstance(each, str)], left_out, options)
    if options.output == "json":
        from vfioguard.output.fleet.json import fleet_json
        from vfioguard.proof_json import dumps

        print(dumps(fleet_json(fleet, wording.now())))
    else:
        from vfioguard.output.fleet.text import fleet_text

        style = host.style(every_group=options.all)
        sys.stdout.writelines(f"{line}\n" for line in fleet_text(fleet, style))
    return _status(fleet)


def hosts_at(path: str) -> Iterator[str | NotJudged]:
    """The hosts at a path: itself, or what is below it, in the order of names. Raises `Failure`.

    A directory that is not looked into is told, as a host may be in it.
    """
    if not os.path.isdir(path) or os.path.isdir(os.path.join(path, "sys")):
        yield path
        return
    empty = True
    unread: list[OSError] = []
    for directory, names, files in os.walk(path, onerror=unread.append):
        names.sort()
        hosts = [name for name in names if os.path.isdir(os.path.join(directory, name, "sys"))]
        names[:] = [name for name in names if name not in hosts]
        captures = [name for name in files if name.endswith(_CAPTURES)]
        for name in sorted([*hosts, *captures]):
            empty = False
            yield os.path.join(directory, name)
        for name in names:
            if os.path.islink(link := os.path.join(directory, name)):
                empty = False
                yield NotJudged(printable(link), "a link to a directory is followed only if named")
    for error in unread:
        empty = False
        yield NotJudged(printable(os.fsdecode(error.filename)), error.strerror or str(error))
    if empty:
        raise Failure(f"{path}: it holds no capture ({', '.join(_CAPTURES)}) and no host")


def judged(paths: list[str], left_out: list[NotJudged], options: argparse.Namespace) -> Fleet:
    """Judge the hosts in several processes. `left_out` are more that are not judged."""

    def work(path: str) -> FleetHost | NotJudged:
        try:
            report = evaluate(take(open_root(path)), wording.now(), Choice(options.policy))
        except CannotOpen as error:
            told = str(error)
            for name in path, printable(path):
                told = told.removeprefix(f"{name}: ")
            return NotJudged(printable(path), told)
        return of_report(printable(path), report)

    hosts: list[FleetHost] = []
    failed = list(left_out)
    jobs = options.jobs or len(os.sched_getaffinity(0))
    results = Workers(work, min(jobs, len(paths)), _PATIENCE).results(paths)
    tells = sys.stderr.isatty()
    try:
        for number, (path, result) in enumerate(results, 1):
            if isinstance(result, Lost):
                failed.append(NotJudged(printable(path), result.why))
            elif isinstance(result, NotJudged):
                failed.append(result)
            else:
                hosts.append(result)
            if tells and (number % _STEP == 0 or number == len(paths)):
                end = "\r\x1b[K" if number == len(paths) else ""
                sys.stderr.write(f"\r{number} of {len(paths)}{end}")
                sys.stderr.flush()
    finally:
        results.close()
    return fleet_of(hosts, failed)


def _status(fleet: Fleet) -> int:
    worst = {outcome for outcome, _ in fleet.hosts}
    if Outcome.REFUSED in worst:
        return exit_code(Outcome.REFUSED)
    if fleet.not_judged or worst & {None, Outcome.UNKNOWN}:
        return OWN_FAILURE
    return exit_code(Outcome.BY_OVERRIDE) if Outcome.BY_OVERRIDE in worst else 0


VERB = Verb(
    help="judge many captures, and say why hosts refuse, the worst first",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 all groups of all hosts are allowed, 1 some need the override, "
    "2 some are refused, 3 some are unknown, or a host has no group or could not be judged",
)
