"""One file per form of the Report, pure: a new file is at once a choice of `--output`."""

from collections.abc import Callable
from typing import NamedTuple

from vfioguard.report import Report


class Style(NamedTuple):
    """How it is wanted: columns, colour, and every group on a line of its own.

    `valid_for`: seconds after which who reads it later must not believe it, in forms that say so.
    `again`: the options by which a command reads the same host, each with a blank before it.
    """

    width: int = 80
    color: bool = False
    every_group: bool = False
    valid_for: int = 300
    again: str = ""


class Output(NamedTuple):
    """`render` gives the whole text, which ends in a newline."""

    media_type: str
    render: Callable[[Report, Style], str]
