"""docs/agreement.md: how often vfioguard and the kernel agree, on every recorded boot.

    python -m lab.agreement docs/agreement.md

The boots are those of tests/fixtures/sysfs, which `make fixtures` records from the lab's captures.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import Any, NamedTuple

from lab import judge, table

HOSTS = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures", "sysfs")
_HEAD = """\
# How often vfioguard and the kernel agree

Each row is a boot of a real kernel and one backend of VFIO. In each boot the kernel was asked by a
real attach of every group. vfioguard was asked with two captures of that boot: as booted, and with
every device bound to VFIO. A column counts the groups in which both answers are the same (right),
in which they differ (wrong), and in which vfioguard says `unknown`.

"Interrupts" is the question of this project: does the kernel refuse the group as its interrupts are
not isolated? "Whole attach" is what a user meets: every call up to the open of the device. As
booted, vfioguard foretells it before anything is bound. A group of which no member could be bound
is in no column of it.

[lab.md](lab.md) boots these cells again, on any Debian. [not-covered.md](not-covered.md) lists what
no boot here shows. `make documents` writes this file.
"""
_COLUMNS = (
    "| boot | kernel | backend | interrupts: right | wrong | unknown | whole attach: right | wrong "
    "| unknown | QEMU | date |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


class Row(NamedTuple):
    """The answers about one boot and one backend."""

    host: str
    release: str
    backend: str
    interrupts: Counter[str]
    attach: Counter[str]
    qemu: str
    date: str
    hard: str
    differences: list[str]


def rows(host: str) -> list[Row]:
    """A row for each backend about which the kernel of a recorded boot said something."""
    folder = f"{HOSTS}/{host}"
    with open(f"{folder}/truth.json") as file:
        truth = json.load(file)
    interrupts: dict[str, Counter[str]] = {}
    attach: dict[str, Counter[str]] = {}
    differences: dict[str, list[str]] = {}
    for state in judge.states(folder):
        report = judge.report(folder, state)
        for kept, compared in (
            (interrupts, judge.compared(truth, report, state)),
            (attach, judge.whole(truth, report, state)),
        ):
            for row in compared:
                kept.setdefault(row.backend, Counter()).update(judge.tally([row]))
                differences.setdefault(row.backend, []).extend(
                    f"{state}, {text}" for text in judge.differences([row])
                )
    return [
        Row(
            host=host, release=truth["release"], backend=backend,
            interrupts=interrupts.get(backend, Counter()), attach=attach.get(backend, Counter()),
            qemu=truth.get("qemu", "-").partition(" ")[0], date=truth.get("date", "-"),
            hard=why_hard(host, truth), differences=differences[backend],
        )
        for backend in sorted({*interrupts, *attach})
    ]  # fmt: skip


def why_hard(host: str, truth: dict[str, Any]) -> str:
    """Why a boot is hard to judge. Returns "" if it is not."""
    cell = table.cells().get(host.partition("--")[2])
    known = truth.get("hard") or (cell.hard if cell else "")
    return known or ("groups of one boot differ" if judge.trait(truth) == "both" else "")


def _line(row: Row) -> str:
    cells = [row.host, row.release, row.backend]
    for counts in (row.interrupts, row.attach):
        cells += [str(counts[answer]) for answer in ("right", "wrong", "unknown")]
    return f"| {' | '.join([*cells, row.qemu, row.date])} |"


def document() -> str:
    """The whole document."""
    every = [row for host in sorted(os.listdir(HOSTS)) for row in rows(host)]
    hard = [row for row in every if row.hard]
    reasons = {row.host: row.hard for row in hard}
    total = sum((row.interrupts for row in every), Counter[str]())
    whole = sum((row.attach for row in every), Counter[str]())
    return "\n".join(
        [
            _HEAD,
            f"In all: {len({row.host for row in every})} boots.\n",
            f"- interrupts: {_sum(total)}",
            f"- whole attach: {_sum(whole)}",
            *(f"- differs: {row.host}, {text}" for row in every for text in row.differences),
            "\n## Hard boots\n",
            "Groups of one boot differ, firmware lies, or hardware is dead.\n",
            "| boot | why it is hard |\n|---|---|",
            *(f"| {host} | {why} |" for host, why in reasons.items()),
            "",
            _COLUMNS,
            *map(_line, hard),
            "\n## The other boots\n",
            _COLUMNS,
            *(_line(row) for row in every if not row.hard),
            "",
        ]
    )


def _sum(counts: Counter[str]) -> str:
    return f"{counts['right']:,} right, {counts['wrong']:,} wrong, {counts['unknown']:,} unknown"


if __name__ == "__main__":
    with open(sys.argv[1], "w") as target:
        target.write(document())
