"""The options of `vfioguard serve`, made from the table of its settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from vfioguard.cli.arguments import Once, Parser
from vfioguard.cli.settings.kinds import SWITCH, Setting, Wrong, toml
from vfioguard.cli.settings.table import SETTINGS
from vfioguard.typed import cast


def add_settings(parser: Parser) -> None:
    """Add an option for each setting. Its value is None if it was not typed."""
    for setting in SETTINGS:
        _add(parser, setting)


def _add(parser: Parser, setting: Setting) -> None:
    text = f"{setting.help} ({_default(setting)})"
    if setting.kind is SWITCH:
        parser.add_argument(
            setting.flag, dest=setting.dest, action=argparse.BooleanOptionalAction, help=text
        )
    else:
        parser.add_argument(
            setting.flag,
            dest=setting.dest,
            action="append" if setting.repeatable else Once,
            type=_typed(setting),
            choices=setting.kind.choices or None,
            metavar=setting.metavar,
            help=text,
        )


def _default(setting: Setting) -> str:
    """The default as it would be typed."""
    if setting.default is None:
        return "default none"
    if not setting.repeatable:
        return f"default {_word(setting.default)}"
    items = cast("tuple[object, ...]", setting.default)
    return f"may be repeated; default {', '.join(map(_word, items))}"


def _word(value: object) -> str:
    return value if isinstance(value, str) else toml(value)


def _typed(setting: Setting) -> Callable[[str], object]:
    def typed(text: str) -> object:
        try:
            return setting.kind.from_text(text)
        except Wrong as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed
