"""The grammar of the command line, from the verbs' files."""

from __future__ import annotations

import argparse

from vfioguard import __version__, leaves
from vfioguard.cli.arguments import Parser
from vfioguard.cli.verbs import Verb
from vfioguard.typed import Any

_PACKAGE = "vfioguard.cli.verbs"
#: `vfioguard --help` shows these verbs first, and the others by name.
_FIRST = ("report", "check", "explain")
#: What may stand where a verb is expected.
_WITHOUT_VERB = ("-h", "--help", "--version")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of one command line.

    `parser` is that of the verb, `run` does its work. A usage error raises SystemExit.
    """
    grammar = build(arguments[0] if arguments else None)
    first = arguments[0] if arguments else ""
    if first.startswith("-") and first not in _WITHOUT_VERB:
        grammar.error(f"unrecognized arguments: {first}; options stand behind VERB")
    if first and not first.startswith("-") and first not in _names():
        grammar.error(_no_verb(first))
    options, unknown = grammar.parse_known_args(arguments)
    if unknown:  # argparse would show the usage of `vfioguard` itself
        verb: Parser = options.parser
        verb.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown, verb)}")
    if options.verb is None:
        grammar.error(f"no VERB: choose from {', '.join(_names())}")
    contradiction: str | None = options.contradiction(options)
    if contradiction is not None:
        options.parser.error(contradiction)
    return options


def _no_verb(word: str) -> str:
    from vfioguard.nearest import alike

    close = alike(word, _names())
    there = f"did you mean {close}?" if close else f"choose from {', '.join(_names())}"
    return f"no VERB {word[:64]!r}; {there}"


def _meant(unknown: list[str], verb: Parser) -> str:
    """The options that the unknown ones are like, or ""."""
    from vfioguard.nearest import alike

    words = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    close = [alike(word, verb.option_names()) for word in words]
    meant = list(dict.fromkeys([each for each in close if each]))
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def build(chosen: str | None = None) -> Parser:
    """The grammar of the chosen verb, or of all verbs if there is no such verb.

    Only the file of a verb that is in the grammar is imported.
    """
    parser = Parser(
        prog="vfioguard",
        description="Says which IOMMU groups VFIO would refuse on this host, and why.",
    )
    parser.add_argument("--version", action="version", version=f"vfioguard {__version__}")
    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB")
    names = _names()
    for name in (chosen,) if chosen in names else names:
        _add(verbs, name)
    return parser


def _names() -> tuple[str, ...]:
    """The names of all verbs, in the order of `vfioguard --help`."""
    names = tuple(name.replace("_", "-") for name in leaves.names(_PACKAGE))
    return *_FIRST, *(name for name in names if name not in _FIRST)


def _add(verbs: Any, name: str) -> None:  # noqa: ANN401 - argparse names no public type for it
    verb = leaves.load(_PACKAGE, name.replace("-", "_"), "VERB", Verb)
    parser: Parser = verbs.add_parser(
        name, help=verb.help, description=verb.help, epilog=verb.epilog
    )
    parser.set_defaults(parser=parser, run=verb.run, contradiction=verb.contradiction)
    verb.arguments(parser)
