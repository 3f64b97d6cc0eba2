"""One file for each form of the Report; a new file is at once a choice of `--output`.

The forms are pure: they read nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from vfioguard.device_facts import DeviceFacts
from vfioguard.report import Report
from vfioguard.typed import NamedTuple

_NO_FACTS: Mapping[str, DeviceFacts] = MappingProxyType({})


class Style(NamedTuple):
    """How the reader wants the Report: columns, colour, and every group on a line of its own.

    `valid_for` is the number of seconds after which nobody should believe the text; only some forms
    say so. `again` holds the options with which a command reads the same host, each after a blank.
    `facts` are those of the devices, by name, if somebody wants them.
    `proof`: JSON has the proofs, which are most of it. `host` is the host's name, or "".
    """

    width: int = 80
    color: bool = False
    every_group: bool = False
    valid_for: int = 300
    again: str = ""
    facts: Mapping[str, DeviceFacts] = _NO_FACTS
    proof: bool = True
    host: str = ""


class Output(NamedTuple):
    """A form: `parts` gives the text piece by piece, so that a large one is never held whole.

    The text ends in a newline. `pictures`: it shows what each device is, and the host's name.
    """

    media_type: str
    parts: Callable[[Report, Style], Iterable[str]]
    pictures: bool = False

    def render(self, report: Report, style: Style) -> str:
        """The whole text."""
        return "".join(self.parts(report, style))
