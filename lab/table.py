"""The cells of the lab: one machine, one way to boot it. They are data, in cells/*.toml.

A cell is run with a kernel: `6.12-arm64--its-dt` is the cell `its-dt` with the newest 6.12.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from functools import cache
from typing import Any, NamedTuple

from lab import entries, kernels
from lab.say import Failed

_FOLDER = os.path.join(os.path.dirname(__file__), "cells")
#: What `make lab` runs: one cell of each architecture that is quick.
QUICK = (
    "6.12-amd64--vtd-ir", "6.12-arm64--dt-part", "6.12-s390x--zpci", "6.12-ppc64el--pseries-xive",
)  # fmt: skip
#: What {virtio} stands for: a virtio device asks the IOMMU only if it is told to.
VIRTIO = ",iommu_platform=on,disable-legacy=on"


class Cell(NamedTuple):
    """One machine and one way to boot it, in QEMU's and the kernel's own words."""

    name: str
    arch: str
    #: The kernels that `make lab-all` boots it with, without architecture; none: only by name.
    kernels: tuple[str, ...]
    note: str
    #: What the kernel answers; empty if it depends on the kernel, or is what the cell finds out.
    expect: str = ""
    #: Why this one is hard to judge; empty if it is not.
    hard: str = ""
    machine: str = ""
    cpu: str = ""
    memory: int = 1536
    #: Devices that come before those of the topology, and after.
    devices: tuple[str, ...] = ()
    topology: str = "none"
    more: tuple[str, ...] = ()
    iommu: bool = True
    #: The devices that QEMU would give a machine by itself are wanted.
    defaults: bool = False
    firmware: str = "dt"
    cmdline: str = ""
    #: A set of lab/modules.py, which is built out of the kernel's own sources; empty: Debian's.
    modules: str = ""
    #: Functions of lab/acpi.py, each an edit of the machine's tables.
    acpi: tuple[str, ...] = ()
    #: Edits of the device tree: lab/devicetree.py.
    dt: tuple[tuple[Any, ...], ...] = ()
    #: Settings of the guest's init.
    guest: tuple[tuple[str, str], ...] = ()
    #: What changes while the daemon runs in the guest: a list of walks.toml; empty if nothing does.
    walk: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of its walk."""
        rows = walks()[self.walk] if self.walk else []
        return tuple(row.replace("{virtio}", VIRTIO if self.iommu else "") for row in rows)

    @property
    def devices_of_all(self) -> list[str]:
        """All devices in their order."""
        return [*self.devices, *topologies()[self.topology], *self.more]


class Run(NamedTuple):
    """A cell and the kernel that boots it."""

    kernel: str
    cell: Cell

    @property
    def name(self) -> str:
        """The name of the run, and of its folder."""
        return f"{self.kernel}--{self.cell.name}"


@cache
def topologies() -> dict[str, list[str]]:
    """The devices of each topology, by its name."""
    return entries.read(f"{_FOLDER}/topologies.toml")


@cache
def walks() -> dict[str, list[str]]:
    """The steps of each walk, by its name. Raises Failed if one has no meaning."""
    rows = entries.read(f"{_FOLDER}/walks.toml")
    for name, steps in rows.items():
        entries.check_walk(name, steps)
    return rows


@cache
def cells() -> dict[str, Cell]:
    """All cells by name, in the order of their files. Raises Failed if an entry has no meaning."""
    others = ("topologies.toml", "walks.toml")
    paths = [
        path for path in sorted(glob.glob(f"{_FOLDER}/*.toml"))
        if os.path.basename(path) not in others
    ]  # fmt: skip
    rows = entries.together(paths)
    return {name: _cell(name, _whole(rows, name)) for name in rows}


def _whole(
    rows: dict[str, dict[str, Any]], name: str, below: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The settings of a cell with those of the cell that it is like. `below` are like this one."""
    row = dict(rows[name])
    like = row.pop("like", None)
    if like is None:
        return row
    if not isinstance(like, str) or like not in rows:
        raise Failed(f"cell {name} is like {like}, which there is not")
    if like in (name, *below):
        raise Failed(f"cell {name} is like {like}, which is like {name}")
    whole = _whole(rows, like, (name, *below))
    # Why a cell is hard is its own matter.
    return {**{key: value for key, value in whole.items() if key != "hard"}, **row}


def _cell(name: str, row: dict[str, Any]) -> Cell:
    entries.check(name, row, Cell._field_defaults)
    row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    row["guest"] = tuple(row.get("guest", {}).items())
    row["dt"] = tuple(tuple(edit) for edit in row.get("dt", ()))
    cell = Cell(name=name, **row)
    if cell.topology not in topologies():
        raise Failed(f"cell {name}: no topology is called {cell.topology}")
    if cell.walk and cell.walk not in walks():
        raise Failed(f"cell {name}: no walk is called {cell.walk}")
    return cell


def runs(patterns: list[str]) -> list[Run]:
    """The runs that are named, each once: `KERNEL--CELL`, or a pattern of runs of the whole set.

    Raises Failed if a name means nothing.
    """
    named = {run.name: run for pattern in patterns for run in _matching(pattern)}
    return list(named.values())


def _matching(pattern: str) -> list[Run]:
    matching = [run for run in whole_set() if fnmatch.fnmatchcase(run.name, pattern)]
    if matching:
        return matching
    kernel, _, name = pattern.partition("--")
    cell = cells().get(name)
    if pattern in cells():
        run = f"newest-{cells()[pattern].arch}--{pattern}"
        raise Failed(f"{pattern} names a cell without a kernel: {run} has both")
    if cell is None and re.search(r"[*?[]", pattern):
        raise Failed(f"no run of the whole set is like {pattern}: `make lab-list` lists the cells")
    if cell is None:
        raise Failed(f"no cell is called {pattern}: `make lab-list` lists them")
    if kernels.arch_of(kernel) != cell.arch:
        raise Failed(f"{pattern}: the cell {name} is one of {cell.arch}")
    return [Run(kernel, cell)]


def whole_set() -> list[Run]:
    """All runs of the night."""
    return [
        Run(f"{kernel}-{cell.arch}", cell) for cell in cells().values() for kernel in cell.kernels
    ]
