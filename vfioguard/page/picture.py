"""The map as one SVG file with its legend, for tickets and slides. It needs no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap

from vfioguard.device_facts import DeviceFacts
from vfioguard.page import answers, drawing
from vfioguard.page.drawing import PITCH
from vfioguard.page.places import NO_UNIT, Bus, units
from vfioguard.report import Report
from vfioguard.typed import NamedTuple

#: Width and margin, in units of the picture.
_WIDTH, _MARGIN = 1200, 24
#: Cells in a row of a bus.
_COLUMNS = 64
#: Height of a line of text, and the rough width of a character of it.
_LINE, _CHARACTER = 20, 7.2
_GAP = 24
#: Characters of a line, and of a line of the heading, which is larger.
_LETTERS, _HEADING = 150, 90
#: Lines of the heading, and characters of the name of a bus.
_LINES, _NAME = 6, 60

COLORS = {
    "no": "#b3261e",
    "unknown": "#8a5a00",
    "yes-by-override": "#7b2d8e",
    "yes": "#1d7a46",
    answers.NOT_ATTACHABLE: "#767676",
}
_STYLE = (
    "text{font:13px system-ui,'Segoe UI',sans-serif;fill:#1b1b1b}"
    ".h{font-size:20px;font-weight:600}.s{fill:#555}"
    "path{fill:none}"
)


class _Pen:
    """The place of the next thing, and what is drawn."""

    def __init__(self) -> None:
        self.x, self.y, self.high = _MARGIN, _MARGIN, 0
        self.drawn: list[str] = []

    def text(self, words: str, kind: str = "") -> None:
        """A line of text."""
        self.y += _LINE
        named = f' class="{kind}"' if kind else ""
        words = _cut(words, _LETTERS)
        self.drawn.append(f'<text x="{_MARGIN}" y="{self.y}"{named}>{escape(words)}</text>')

    def line(self) -> None:
        """Begin a new row of buses."""
        self.x, self.y, self.high = _MARGIN, self.y + self.high, 0


def picture(report: Report, facts: Mapping[str, DeviceFacts], host: str = "") -> str:
    """The picture as SVG 1.1."""
    pen = _Pen()
    heading = answers.heading(report)
    for words in _wrapped(heading):
        pen.text(words, "h")
    pen.text(" \u00b7 ".join(_about(report, host)), "s")
    _legend(pen, report)
    for unit in units(report, facts):
        name = unit.name if unit.name != NO_UNIT else "IOMMU unit not known"
        pen.y += 8
        pen.text(f"{name}: {answers.number(unit.groups)} groups")
        pen.y += 6
        for bus in unit.buses:
            _bus(pen, bus)
        pen.line()
    return _document(heading, pen)


class _Size(NamedTuple):
    width: int
    height: int


def _size(bus: Bus) -> _Size:
    columns = min(_COLUMNS, len(bus.cells))
    name = int(len(_label(bus)) * _CHARACTER)
    height = drawing.rows(bus.cells, _COLUMNS) * PITCH + _LINE + 8
    return _Size(max(columns * PITCH, name), height)


def _label(bus: Bus) -> str:
    return f"{_cut(bus.name, _NAME)} ({answers.number(len(bus.cells))})"


def _bus(pen: _Pen, bus: Bus) -> None:
    size = _size(bus)
    if pen.x > _MARGIN and pen.x + size.width > _WIDTH - _MARGIN:
        pen.line()
    title = f"<title>{escape(_label(bus))}</title>"
    text = f'<text x="{pen.x}" y="{pen.y + 14}" class="s">{escape(_label(bus))}</text>'
    drawn = drawing.paths(bus.cells, _COLUMNS, pen.x, pen.y + _LINE)
    cells = "".join(_path(key, data) for key, data in drawn.items())
    pen.drawn.append(f"<g>{title}{text}{cells}</g>")
    pen.x += size.width + _GAP
    pen.high = max(pen.high, size.height)


def _path(key: str, data: str) -> str:
    return f'<path class="c-{key}" stroke="{COLORS[key]}" d="{data}"/>'


def _legend(pen: _Pen, report: Report) -> None:
    pen.y += 14
    x, y = _MARGIN, pen.y
    left = len(report.groups) - len(report.attachable)
    entries = [
        (count.shown.key, f"{count.shown.sign} {answers.number(count.number)} {count.shown.word}")
        for count in answers.counts(report)
    ]
    if left:
        entries.append((answers.NOT_ATTACHABLE, f"{answers.number(left)} not attachable"))
    for key, words in entries:
        pen.drawn.append(_path(key, drawing.run(key, 0, 0, 1, x, y + 4)))
        pen.drawn.append(f'<text x="{x + 14}" y="{y + 13}">{escape(words)}</text>')
        x += int(len(words) * _CHARACTER) + 40
    pen.y += _LINE


def _about(report: Report, host: str) -> Iterator[str]:
    if host:
        yield host
    kernel = " ".join(part for part in (report.host.kernel or "unknown", report.host.arch) if part)
    yield f"kernel {kernel}"
    yield report.generated_at
    yield "vfioguard"


def _wrapped(text: str) -> list[str]:
    return wrap(
        text, _HEADING, max_lines=_LINES, placeholder=" \u2026", break_on_hyphens=False
    ) or [""]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _document(heading: str, pen: _Pen) -> str:
    height = pen.y + pen.high + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="heading">\n'
        f'<title id="heading">{escape(heading)}</title>\n'
        f"<style>{_STYLE}{drawing.style()}</style>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(pen.drawn) + "\n</svg>\n"
    )
