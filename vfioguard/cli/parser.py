"""What can be typed."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from vfioguard import __version__, leaves
from vfioguard.judging.policies import policy_names

#: 2 already means that something is refused.
USAGE_ERROR = 3
_JUDGING = frozenset({"report", "check", "explain"})
_WIDTH = 80

_SERVE = "the daemon: HTTP and metrics"
_EXITS = "exit status: 0 all allowed, 1 some need the override, 2 some refused, 3 unknown or error"


class Parser(argparse.ArgumentParser):
    """argparse with our exit status, and no guessing of abbreviated options."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own signature
        super().__init__(allow_abbrev=False, **options)

    def _get_formatter(self) -> argparse.HelpFormatter:
        """With a width, as argparse asks for one with each argument: without, it loads shutil."""
        return argparse.HelpFormatter(prog=self.prog, width=_WIDTH)

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401
        """As argparse does, but what cannot be written is an error as everywhere."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message: str) -> NoReturn:
        """One usage line, one line of what is wrong."""
        usage = " ".join(self.format_usage().split())
        print(f"{usage}\n{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)


class Once(argparse.Action):
    """An option that may be repeated only with the same value: two answers are no answer."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store the value, or refuse a second one."""
        seen = getattr(namespace, f"_{self.dest}", None)
        if seen is not None and seen != values:
            parser.error(f"{option_string} is given twice: {seen!s} and {values!s}")
        setattr(namespace, f"_{self.dest}", values)
        setattr(namespace, self.dest, values)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of one command line; exits with the usage line where they contradict."""
    options = build(arguments[0] if arguments else None).parse_args(arguments)
    if options.verb == "report" and options.all and options.output != "text":
        options.parser.error(f"--all is for text; --output {options.output} has every group")
    if options.verb == "report" and options.valid_for is not None and options.output != "nfd":
        options.parser.error(f"--valid-for is for nfd; --output {options.output} does not expire")
    if options.verb == "firmware" and options.table and options.root != "/":
        options.parser.error("--table is instead of --root")
    return options


def build(verb: str | None = None) -> Parser:
    """The whole grammar, or where it is about one verb that of this verb: each takes 0.3 ms."""
    parser = Parser(
        prog="vfioguard",
        description="Says which IOMMU groups VFIO would refuse on this host, and why.",
    )
    parser.add_argument("--version", action="version", version=f"vfioguard {__version__}")
    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    for name, add in _VERBS.items():
        if name == verb or verb not in _VERBS:
            add(verbs)
    return parser


def _report(verbs: Any) -> None:  # noqa: ANN401
    report = _verb(verbs, "report", "judge the whole host", policy=True)
    report.add_argument(
        "--output",
        action=Once,
        choices=leaves.names("vfioguard.output"),
        default="text",
        help="the form of the report (default text)",
    )
    report.add_argument(
        "--output-file",
        action=Once,
        metavar="FILE",
        help="replace FILE by the report, at once and readable by all, instead of printing it",
    )
    report.add_argument("--all", action="store_true", help="text: one line for every group")
    report.add_argument(
        "--valid-for",
        action=Once,
        type=_seconds,
        metavar="SECONDS",
        help="nfd: the labels expire this long after the report (default 300)",
    )


def _check(verbs: Any) -> None:  # noqa: ANN401
    text = "may these be attached? one line each: the gate for scripts"
    check = _verb(verbs, "check", text, policy=True)
    check.add_argument(
        "target", nargs="+", metavar="BDF|group:N", help="a device, or a whole group"
    )


def _explain(verbs: Any) -> None:  # noqa: ANN401
    text = "the proof of each verdict; what an errno or a message means"
    explain = _verb(verbs, "explain", text, policy=True)
    explain.add_argument(
        "target",
        nargs="+",
        metavar="BDF|group:N|TEXT",
        help="a device, or a whole group, an errno, a message",
    )


def _capture(verbs: Any) -> None:  # noqa: ANN401
    capture = _verb(verbs, "capture", "record the facts of a host, for a bug report or a test")
    capture.add_argument("file", metavar="FILE.tar.xz", help="what to write")


def _diff(verbs: Any) -> None:  # noqa: ANN401
    text = "what changed between two hosts, captures, or states that the daemon kept"
    diff: Parser = verbs.add_parser("diff", help=text, description=text)
    diff.set_defaults(parser=diff)
    diff.epilog = "exit status: 0 nothing changed, 1 something did, 3 error"
    diff.add_argument("before", metavar="A", help="/, a directory, a capture or a state file")
    diff.add_argument("after", metavar="B", help="the same; what changed from A to B is told")
    diff.add_argument(
        "--output",
        action=Once,
        choices=("text", "json"),
        default="text",
        help="the form of the answer (default text)",
    )
    _policy(diff)


def _watch(verbs: Any) -> None:  # noqa: ANN401
    watch = _verb(verbs, "watch", "follow what changes on this host", policy=True)
    watch.epilog = "exit status: 0 when it is interrupted, 3 error"
    watch.add_argument(
        "--interval",
        action=Once,
        type=_seconds,
        default=2,
        metavar="SECONDS",
        help="time between two readings of the host (default 2)",
    )


def _firmware(verbs: Any) -> None:  # noqa: ANN401
    firmware = _verb(verbs, "firmware", "the firmware tables that bear on interrupts, decoded")
    firmware.epilog = "exit status: 0 a table could be decoded, 3 none could, or error"
    firmware.add_argument(
        "--output",
        action=Once,
        choices=("text", "json"),
        default="text",
        help="the form of the answer (default text)",
    )
    firmware.add_argument(
        "--table",
        action="append",
        metavar="FILE",
        help="tables from elsewhere instead: raw or acpidump's text; may be repeated",
    )


def _policies(verbs: Any) -> None:  # noqa: ANN401
    _verb(verbs, "policies", "the predicates, and which are in force here", policy=True)


def _serve(verbs: Any) -> None:  # noqa: ANN401
    from vfioguard.cli.settings import options  # the table of settings: no other verb has any

    serve: Parser = verbs.add_parser("serve", help=_SERVE, description=_SERVE)
    serve.set_defaults(parser=serve)
    options.add(serve)


#: In the order of the help.
_VERBS: Mapping[str, Callable[[Any], None]] = {
    "report": _report,
    "check": _check,
    "explain": _explain,
    "capture": _capture,
    "diff": _diff,
    "watch": _watch,
    "firmware": _firmware,
    "policies": _policies,
    "serve": _serve,
}


def _verb(verbs: Any, name: str, text: str, *, policy: bool = False) -> Parser:  # noqa: ANN401
    epilog = _EXITS if name in _JUDGING else None
    verb: Parser = verbs.add_parser(name, help=text, description=text, epilog=epilog)
    verb.set_defaults(parser=verb)
    verb.add_argument(
        "--root", action=Once, default="/", metavar="PATH", help="a directory or a capture file"
    )
    verb.add_argument(
        "--acpi-tables",
        action=Once,
        metavar="DIR",
        help="ACPI tables handed over as files (default $CREDENTIALS_DIRECTORY)",
    )
    if policy:
        _policy(verb)
    return verb


def _policy(verb: Parser) -> None:
    verb.add_argument(
        "--policy",
        action=Once,
        choices=policy_names(),
        metavar="NAME",
        help="judge by this predicate, not the running kernel's; `policies` lists them",
    )


def _seconds(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 86400")
    return int(text)
