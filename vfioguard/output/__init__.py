"""One file per form of the Report, pure: a new file is at once a choice of `--output`."""

from collections.abc import Callable, Iterable
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
    """`parts` make the text, which ends in a newline; of a large host it is never held as one."""

    media_type: str
    parts: Callable[[Report, Style], Iterable[str]]

    def render(self, report: Report, style: Style) -> str:
        """The whole text."""
        return "".join(self.parts(report, style))
