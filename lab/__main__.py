"""Boot real kernels in QEMU, and hold vfioguard's answers against theirs (docs/lab.md).

The Makefile calls it: `make lab`, `make lab-all`, `make lab-list`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from typing import NoReturn

from lab import kernels, table, tools
from lab.archive import Archive
from lab.run import Result, limits, run
from lab.say import Clock, Failed, line, progress, seconds

#: How long a boot takes if none was timed yet, in seconds.
_TYPICAL = {"amd64": 30, "arm64": 30, "s390x": 20, "ppc64el": 40, "loong64": 35, "riscv64": 90}


class Times:
    """How long earlier boots took, so that the time that is left can be said."""

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/times.json"
        self._times: dict[str, float] = {}
        with suppress(FileNotFoundError, ValueError), open(self._path) as file:
            self._times = json.load(file)

    def of(self, wanted: table.Run) -> float:
        """About how long a run takes, in seconds."""
        return self._times.get(wanted.name, _TYPICAL[wanted.cell.arch])

    def note(self, wanted: table.Run, took: float) -> None:
        """Remember how long a run took."""
        self._times[wanted.name] = round(took, 1)
        with open(f"{self._path}.new", "w") as file:
            json.dump(self._times, file)
        os.rename(f"{self._path}.new", self._path)


class Progress:
    """What is told while cells run: which one, how far it is, and the time that is left."""

    def __init__(self, runs: list[table.Run], times: Times) -> None:
        self._runs, self._times = runs, times
        self._index = 0

    def begin(self, index: int) -> None:
        """Begin the run of that index."""
        self._index = index
        if not sys.stdout.isatty():
            line(f"[{index + 1}/{len(self._runs)}] {self._runs[index].name}: {self._left(0)}")

    def __call__(self, took: float, phase: str) -> None:
        wanted = self._runs[self._index]
        progress(
            f"[{self._index + 1}/{len(self._runs)}] {wanted.name}: {phase}, {seconds(took)}; "
            f"{self._left(took)}"
        )

    def _left(self, took: float) -> str:
        expected = [self._times.of(run) for run in self._runs[self._index :]]
        return f"about {seconds(max(expected[0] - took, 0) + sum(expected[1:]))} left"


def _run_all(archive: Archive, runs: list[table.Run]) -> int:
    """Run cells one after another. Returns the exit status: 1 unless all is as it should be."""
    clock, times = Clock(), Times(archive.folder)
    told, failed = Progress(runs, times), list[str]()
    totals: Counter[str] = Counter()
    for index, wanted in enumerate(runs):
        told.begin(index)
        try:
            result = run(archive, wanted, told)
            times.note(wanted, result.truth["wall_s"])
        except BrokenPipeError:
            raise
        except (Failed, OSError) as error:  # such as a full disk; the next cell may do with less
            line(f"{wanted.name}: FAILED: {error}")
            failed.append(wanted.name)
            continue
        totals += sum(result.tallies.values(), Counter())
        if not _show(wanted, result):
            failed.append(wanted.name)
    line(
        f"{len(runs)} cells in {seconds(clock())}: {totals['right']} answers right, "
        f"{totals['wrong']} wrong, {totals['unknown']} unknown"
        + (f"; not as they should be: {', '.join(failed)}" if failed else "")
    )
    line(f"{archive.folder} holds captures, kernels and programs; `rm -r` removes all of it")
    return 1 if failed else 0


def _show(wanted: table.Run, result: Result) -> bool:
    """Print the table of a run. Returns whether all is as it should be."""
    took, expect = seconds(result.truth["wall_s"]), wanted.cell.expect
    line(f"{wanted.name}: {result.truth['release']}, {took}; interrupts: {result.trait}")
    for question, counts in result.tallies.items():
        line(
            f"    {question:22} {counts['right']:4} right {counts['wrong']:4} wrong "
            f"{counts['unknown']:4} unknown"
        )
    for row in result.walked:
        line(f"    {row}")
    for difference in result.differences:
        line(f"    {difference}")
    for fault in result.faults:
        line(f"    {fault}")
    as_expected = expect in ("", result.trait)
    if not as_expected:
        line(f"    the cell expects {expect}: it does not test what it says it tests")
    right = not any(counts["wrong"] for counts in result.tallies.values())
    return as_expected and right and not result.faults


def _prepare(archive: Archive, runs: list[table.Run]) -> None:
    """Fetch what all cells share; a kernel is fetched when its first cell comes."""
    architectures = sorted({run.cell.arch for run in runs})
    suites = {suite for arch in architectures for suite in tools.suites_of(arch)}
    archive.update(suites | {suite for run in runs for suite in kernels.suites_of(run.kernel)})
    tools.get(archive, architectures)


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> int:
    """Read the command line and do what it says. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--folder", default=".lab", help="where everything is kept")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the cells, and the runs of the whole set")
    runner = verbs.add_parser("run", help="boot cells and judge them")
    runner.add_argument("runs", nargs="*", metavar="KERNEL--CELL", help="or a pattern of runs")
    runner.add_argument("--all", action="store_true", help="the whole set: hours")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    try:
        return _do(options)
    except BrokenPipeError:  # whoever reads what is told has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _do(options: argparse.Namespace) -> int:
    """Do what the command line says, and tell in one line why it cannot be done."""
    try:
        if options.verb == "list":
            return _list()
        names = ["*"] if options.all else options.runs or list(table.QUICK)
        runs = table.runs(names)
        limits(walks=False)
        os.makedirs(options.folder, exist_ok=True)
        archive = Archive(options.folder)
        with archive.held():
            _prepare(archive, runs)
            return _run_all(archive, runs)
    except BrokenPipeError:
        raise
    except (Failed, OSError) as error:
        line(f"lab: {error}")
        return 1
    except KeyboardInterrupt:
        line("lab: interrupted; what was fetched is kept")
        return 130


def _list() -> int:
    for cell in table.cells().values():
        line(f"{cell.name:24} {cell.arch:8} {' '.join(cell.kernels):26} {cell.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
