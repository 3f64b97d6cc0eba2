"""What the templates show, as values: everything that takes a decision is here, and no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from vfioguard import wording
from vfioguard.device_facts import DeviceFacts
from vfioguard.fact import Fact, Gap
from vfioguard.logic import Answer, Proof
from vfioguard.page import answers, drawing
from vfioguard.page.drawing import PITCH
from vfioguard.page.places import Bus, Cell, Unit, units
from vfioguard.proof_tree import ProofTree
from vfioguard.report import CauseReport, Report
from vfioguard.typed import NamedTuple

#: Causes that get a card, gaps that are listed.
CARDS, GAPS = 12, 20
#: If there are more groups than these, only cells of groups that are not `yes` are links.
_EACH = 300
#: If more cells than these would be links, the map's script and the table have to do.
_LINKS = 300
_LONGEST_NAME = 32
_LETTERS = {"no": "n", "unknown": "u", "yes-by-override": "o", "yes": "y", "not-attachable": "x"}


class Look(NamedTuple):
    """All that the page is made from.

    `facts` are those of devices by name, as far as they are known; `complete` is whether they are
    all there. `changes` are (time, sentence) of the latest changes, the newest first; None where
    nobody follows the host. `host` is the host's name, or "".
    """

    report: Report
    facts: Mapping[str, DeviceFacts] = MappingProxyType({})
    complete: bool = True
    changes: Sequence[tuple[str, str]] | None = None
    host: str = ""


class Tile(NamedTuple):
    """A bus as it is drawn. `links` are cells that are links of their own, with their path."""

    bus: Bus
    columns: int
    width: int
    height: int
    scale: float
    paths: Mapping[str, str]
    links: Sequence[tuple[Cell, str]]
    groups: str
    names: str
    answers: str

    @property
    def words(self) -> str:
        """How many groups of each answer are on the bus."""
        numbers: dict[str, int] = {}
        for cell in self.bus.cells:
            numbers[cell.shown.word] = numbers.get(cell.shown.word, 0) + 1
        return ", ".join(f"{number} {word}" for word, number in numbers.items())


class Leaf(NamedTuple):
    """A line of a proof and the lines under it."""

    text: str
    parts: tuple[Leaf, ...]


def tiles(report: Report, facts: Mapping[str, DeviceFacts]) -> list[tuple[Unit, list[Tile]]]:
    """The map: the units, each with its buses."""
    every = units(report, facts)
    count = len(report.groups)
    linked = count <= _EACH
    bad = sum(
        cell.shown.key not in _QUIET for unit in every for bus in unit.buses for cell in bus.cells
    )
    scale = 2.25 if count <= _EACH else 1.1 if count <= 2048 else 0.56
    columns = 16 if count <= _EACH else 32 if count <= 2048 else 64
    apart = _EVERY if linked else _BAD if bad <= _LINKS else frozenset[str]()
    return [(unit, [_tile(bus, columns, scale, apart) for bus in unit.buses]) for unit in every]


_QUIET = frozenset({"yes", answers.NOT_ATTACHABLE})
_EVERY = frozenset(_LETTERS)
_BAD = _EVERY - _QUIET


def _tile(bus: Bus, columns: int, scale: float, apart: frozenset[str]) -> Tile:
    columns = min(columns, len(bus.cells))
    rows = drawing.rows(bus.cells, columns)
    links = [
        (cell, drawing.run(cell.shown.key, place, place, columns))
        for place, cell in enumerate(bus.cells)
        if cell.shown.key in apart
    ]
    drawn = drawing.paths(bus.cells, columns)
    return Tile(
        bus=bus,
        columns=columns,
        width=columns * PITCH,
        height=rows * PITCH,
        scale=scale,
        paths={key: data for key, data in drawn.items() if key not in apart},
        links=links,
        groups=wording.ranges((cell.group for cell in bus.cells), " "),
        names="\n".join(cell.name[:_LONGEST_NAME] for cell in bus.cells),
        answers=_run_lengths(cell.shown.key for cell in bus.cells),
    )


def _run_lengths(keys: Iterable[str]) -> str:
    """Answers in the order of the cells: "y200n3"."""
    runs: list[tuple[str, int]] = []
    for key in keys:
        if runs and runs[-1][0] == key:
            runs[-1] = key, runs[-1][1] + 1
        else:
            runs.append((key, 1))
    return "".join(f"{_LETTERS[key]}{length}" for key, length in runs)


def file_of(because: Answer) -> str:
    """The file that a cause rests on, with what it holds, or why it tells nothing; "" for none."""
    for proof in _leaves(because):
        if isinstance(proof, Fact):
            return f"{proof.source}: {wording.raw_text(proof.raw)}"
        return f"{proof.source}: {proof.why} ({proof.errno or proof.detail})"
    return ""


def _leaves(answer: Answer) -> Iterator[Fact[object] | Gap]:
    waiting: list[Proof] = [answer]
    while waiting:
        proof = waiting.pop()
        if isinstance(proof, Answer):
            waiting += reversed(proof.because)
        else:
            yield proof


def ticket(report: Report, cause: CauseReport, groups: Sequence[int], host: str) -> str:
    """What somebody pastes into a ticket about a cause."""
    kernel = " ".join(part for part in (report.host.kernel or "unknown", report.host.arch) if part)
    lines = [cause.sentence]
    lines += [f"Groups: {answers.ranges(groups)}"] if groups else []
    lines += [f"{number}. {wording.step(step)}" for number, step in enumerate(cause.change, 1)]
    rests = file_of(cause.because)
    lines += [f"Rests on {rests}"] if rests else []
    lines += [f"Host: {host}"] if host else []
    lines += [f"Kernel: {kernel}", f"Read: {report.generated_at}, by vfioguard"]
    return "\n".join([*lines, *(["", cause.ticket] if cause.ticket else [])])


def trees(proofs: Iterable[Answer]) -> list[tuple[Leaf, ...]]:
    """Proofs as trees. What an earlier one has shown is not shown again."""
    tree = ProofTree()
    return [_nested(tree.lines(proof)) for proof in proofs]


def _nested(lines: Iterable[str]) -> tuple[Leaf, ...]:
    """Indented lines as a tree."""
    flat = [((len(line) - len(line.lstrip(" "))) // 2, line.strip()) for line in lines]
    return _children(flat, 0, 0)[0]


def _children(
    flat: Sequence[tuple[int, str]], place: int, depth: int
) -> tuple[tuple[Leaf, ...], int]:
    leaves: list[Leaf] = []
    while place < len(flat) and flat[place][0] >= depth:
        text = flat[place][1]
        parts, place = _children(flat, place + 1, flat[place][0] + 1)
        leaves.append(Leaf(text, parts))
    return tuple(leaves), place


def unreadable(report: Report) -> list[tuple[str, str]]:
    """Files that could not be read, and why. What is merely absent is left out."""
    return [
        (gap.source, str(gap.errno or gap.detail))
        for gap in report.gaps
        if gap.errno is not None or gap.why == "malformed"
    ]


def overrides(report: Report) -> list[tuple[str, str]]:
    """The parameters, each with its value in words."""
    words = {True: "Y", False: "N", None: "not loaded, or not readable"}
    return [(override.name, words[override.value]) for override in report.overrides]
