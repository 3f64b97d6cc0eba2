"""What the verbs share of the command line: the parser, and the options that several take."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from errno import errorcode

from vfioguard import leaves
from vfioguard.attach import BACKENDS
from vfioguard.cli.failure import OWN_FAILURE
from vfioguard.judging.policies import policy_names
from vfioguard.typed import Any, NoReturn

#: What the exit status of a verb that judges means.
VERDICTS = (
    "exit status: 0 all allowed, 1 some need the override, 2 some refused, 3 unknown or error"
)
_WIDTH = 80


class Parser(argparse.ArgumentParser):
    """argparse with our exit status. It takes no abbreviated option.

    `errnos`: a word such as -EPERM is an argument, and no option.
    """

    errnos = False

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own signature
        super().__init__(allow_abbrev=False, **options)

    def option_names(self) -> tuple[str, ...]:
        """The long names of all options."""
        return tuple(name for name in self._option_string_actions if name.startswith("--"))

    def _parse_optional(self, arg_string: str) -> Any:  # noqa: ANN401 - it differs by Python
        """None for an argument, as argparse gives it; -22 is one by argparse's own rule."""
        if self.errnos and arg_string[1:].upper() in errorcode.values():
            return None
        return super()._parse_optional(arg_string)

    def _get_formatter(self) -> argparse.HelpFormatter:
        """The formatter, with a width: argparse asks for one with each argument.

        A formatter without a width loads shutil, which takes 0.5 ms.
        """
        return argparse.HelpFormatter(prog=self.prog, width=_WIDTH)

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401
        """Print as argparse does. Raises OSError, which argparse swallows."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message: str) -> NoReturn:
        """Print a line with the usage and a line with the error, and exit."""
        usage = " ".join(self.format_usage().split())
        print(f"{usage}\n{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(OWN_FAILURE)


class Once(argparse.Action):
    """An option that may be repeated only with the same value. With nargs=0 it is `const`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store the value. A second value that differs is a usage error."""
        value = self.const if self.nargs == 0 else values
        earlier = getattr(namespace, f"_{self.dest}", None)
        if earlier is not None and earlier != value:
            parser.error(f"{option_string} is given twice: {earlier!s} and {value!s}")
        setattr(namespace, f"_{self.dest}", value)
        setattr(namespace, self.dest, value)


def add_root(parser: Parser) -> None:
    """Add the options that say which host is read."""
    parser.add_argument(
        "--root",
        action=Once,
        default="/",
        metavar="PATH",
        help="the host: a directory or a capture file",
    )
    parser.add_argument(
        "--acpi-tables",
        action=Once,
        metavar="DIR",
        help="a directory of ACPI tables to read instead (default $CREDENTIALS_DIRECTORY)",
    )


def add_policy(parser: Parser) -> None:
    """Add the option that pins a policy."""
    parser.add_argument(
        "--policy",
        action=Once,
        choices=policy_names(),
        metavar="NAME",
        help="judge by this policy, not the running kernel's; `policies` lists them",
    )


def add_backend(parser: Parser) -> None:
    """Add the option that asks for one way to attach."""
    parser.add_argument(
        "--backend",
        action=Once,
        choices=BACKENDS,
        help="judge this way to attach, not those that count here",
    )


def add_what_if(parser: Parser) -> None:
    """Add the options that assume another state, or another kernel."""
    states = ", ".join(leaves.names("vfioguard.assumption"))
    parser.add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="NAME=on|off",
        help=f"judge as if this were so ({states}); may be repeated",
    )
    parser.add_argument(
        "--kernel",
        action=Once,
        metavar="RELEASE",
        help="judge the facts of today by the rules of another kernel, such as 7.3",
    )


def other_backend(options: argparse.Namespace) -> str | None:
    """What is wrong with a policy that decides for another backend than `--backend` asks for."""
    if options.policy is None or options.backend is None:
        return None
    from vfioguard.judging.policies import policy

    decides = policy(options.policy).backend or "type1"
    if decides == options.backend:
        return None
    return f"--policy {options.policy} decides for {decides}, not for --backend {options.backend}"


def add_output(parser: Parser, forms: Sequence[str] = ("text", "json")) -> None:
    """Add the choice among forms of the answer: text by default, or JSON if there is no text."""
    default = "text" if "text" in forms else "json"
    parser.add_argument(
        "-o",
        "--output",
        action=Once,
        choices=forms,
        default=default,
        help=f"the form of the answer (default {default})",
    )
    parser.add_argument(
        "--json", action=Once, nargs=0, const="json", dest="output", help="the same as -o json"
    )


def seconds(text: str) -> int:
    """The type of an option that takes whole seconds, from one to those of a day."""
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 86400")
    return int(text)
