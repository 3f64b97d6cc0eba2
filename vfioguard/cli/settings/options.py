"""The options of `vfioguard serve`, made from the table of its settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import cast

from vfioguard.cli.parser import Once
from vfioguard.cli.settings.file import DEFAULT_FILE
from vfioguard.cli.settings.kinds import SWITCH, Setting, Wrong, toml
from vfioguard.cli.settings.table import SETTINGS


def add(parser: argparse.ArgumentParser) -> None:
    """One option for each setting; it is None in the namespace where it was not typed."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        action=Once,
        metavar="PATH",
        help=f"the file of settings, over which options win (default {DEFAULT_FILE}, if there)",
    )
    parser.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="print the settings and where each comes from, and do not serve",
    )
    parser.add_argument(
        "--self-test",
        dest="self_test",
        action="store_true",
        help="print what this process can and cannot read of the host, and do not serve; "
        "exit status 3 where no verdict can be made",
    )
    for setting in SETTINGS:
        _add(parser, setting)


def _add(parser: argparse.ArgumentParser, setting: Setting) -> None:
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
    """As it would be typed."""
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
