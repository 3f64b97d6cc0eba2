"""The grammar of the command line, read from the parser itself, for man pages and completions."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from vfioguard.cli import parser

#: The kinds of arguments, by the word that stands for them in the help.
FILES = frozenset({"A", "B", "DIR", "FILE", "FILE.tar.xz", "PATH"})
TARGETS = frozenset({"BDF|group:N", "BDF|group:N|TEXT|-", "TARGET"})
#: Arguments that cannot be completed.
FREE = frozenset(
    {
        "HOST:PORT",
        "HOST:PORT|unix:PATH",
        "NAME",
        "NAME=on|off",
        "NUMBER",
        "RELEASE",
        "SECONDS",
        "VENDOR:DEVICE",
        "http://HOST:PORT|unix:PATH",
    }
)


class Option(NamedTuple):
    """An option (`flags`) or a positional (none). `metavar` is empty where it takes no argument.

    `completes` is one of `files`, `targets`, or empty.
    """

    flags: tuple[str, ...]
    metavar: str
    choices: tuple[str, ...]
    help: str
    many: bool
    completes: str


class Verb(NamedTuple):
    """A verb, its options, then its positionals."""

    name: str
    help: str
    epilog: str
    options: tuple[Option, ...]
    positionals: tuple[Option, ...]


def verbs() -> tuple[Verb, ...]:
    """All verbs in the order in which `vfioguard --help` has them."""
    whole = parser.build()
    (sub,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    helps = {action.dest: action.help or "" for action in sub._choices_actions}
    return tuple(_verb(name, helps[name], verb) for name, verb in sub.choices.items())


def _verb(name: str, text: str, verb: argparse.ArgumentParser) -> Verb:
    arguments = [_option(action) for action in verb._actions]
    options = tuple(argument for argument in arguments if argument.flags)
    positionals = tuple(argument for argument in arguments if not argument.flags)
    return Verb(
        name=name, help=text, epilog=verb.epilog or "", options=options, positionals=positionals
    )


def _option(action: argparse.Action) -> Option:
    metavar = "" if action.nargs == 0 else str(action.metavar or "")
    choices = tuple(map(str, action.choices or ()))
    completes = "files" if metavar in FILES else "targets" if metavar in TARGETS else ""
    if action.nargs != 0 and not metavar:
        metavar = "|".join(choices)
    many = action.nargs == "+" or isinstance(action, argparse._AppendAction)
    return Option(
        flags=tuple(action.option_strings),
        metavar=metavar,
        choices=choices,
        help=action.help or "",
        many=many,
        completes=completes,
    )
