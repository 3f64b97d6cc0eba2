"""Run a cell: from its entry in the table to the kernel's answers beside ours."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import lzma
import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from lab import acpi, cpio, foretold, judge, kernels, machine, modules, own, python, tools, walk
from lab.archive import Archive
from lab.boot import Limits, boot, tail
from lab.say import Clock, Failed
from lab.table import Cell, Run
from lab.truth import truth
from vfioguard.root.opening import CannotOpen

#: What the guest's init calls.
_APPLETS = (
    "cat", "cp", "cut", "dmesg", "echo", "grep", "gzip", "ls", "mkdir", "mount", "poweroff",
    "readlink", "rm", "sh", "sleep", "sync", "tar", "uname",
)  # fmt: skip
Told = Callable[[float, str], None]


def limits(*, walks: bool) -> Limits:
    """When a guest hangs: a boot uses 30 to 150 s of CPU, and says something every few seconds.

    Raises Failed unless LAB_LIMIT is a number of seconds.
    """
    said = os.environ.get("LAB_LIMIT", "400")
    if not said.isdecimal() or int(said) == 0:
        raise Failed(f"LAB_LIMIT is to be a number of seconds, not {said!r}")
    return Limits(silence=240, cpu=int(said) + (walk.CPU if walks else 0))


class Result(NamedTuple):
    """What a run showed: the kernel's trait, and right, wrong and unknown of each question."""

    truth: dict[str, Any]
    trait: str
    tallies: dict[str, Counter[str]]
    differences: list[str]
    #: What must not be: vfioguard in the guest says something else, or has left a trace.
    faults: list[str]
    #: How the daemon followed the steps of a walk, a line for each.
    walked: tuple[str, ...] = ()


def run(archive: Archive, wanted: Run, told: Told) -> Result:
    """Boot a cell and judge what it left in cells/NAME of the folder. Raises Failed, OSError."""
    folder = f"{archive.folder}/cells/{wanted.name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        return _run(archive, wanted, told, folder)
    except CannotOpen as error:
        raise Failed(f"the guest left no whole capture: {error}\n{tail(folder)}") from error
    except (ValueError, KeyError, AssertionError) as error:  # JSON that is cut, a lost group
        broken = f"{type(error).__name__}: {error}"
        raise Failed(f"the guest left something broken: {broken}\n{tail(folder)}") from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise Failed(f"the disk of {folder} is full") from error
    finally:
        for name in ("initrd", "stream", "device-tree"):
            with suppress(FileNotFoundError):
                os.unlink(f"{folder}/{name}")


def _run(archive: Archive, wanted: Run, told: Told, folder: str) -> Result:
    """The same in a folder. Raises CannotOpen, ValueError, KeyError too: a file is broken."""
    kernel = kernels.get(archive, wanted.kernel)
    if wanted.cell.modules:
        kernel = modules.get(archive, kernel, wanted.cell.modules)
    clock, made = Clock(), machine.Boot(wanted.cell, kernel, f"{folder}/initrd", folder)
    front = b""
    if wanted.cell.acpi:
        front = acpi.override(_tables(archive, made, told), wanted.cell.acpi)
    _write(made.initrd, front + _initrd(archive, made))
    steps = wanted.cell.steps
    command = machine.command(archive, made)
    handed = boot(command, folder, limits(walks=bool(steps)), told, plugs=bool(steps))
    _keep(folder, handed)
    answers = truth(handed, _head(archive, wanted, made, clock()))
    with open(f"{folder}/truth.json", "w") as file:
        json.dump(answers, file, indent=1)
    faults = own.faults(folder, answers, handed) + foretold.faults(folder, answers)
    result = judged(folder, answers, faults)
    if not steps:
        return result
    faults = [*result.faults, *walk.faults(handed, steps)]
    return result._replace(faults=faults, walked=tuple(walk.rows(handed)))


def judged(folder: str, answers: dict[str, Any], faults: list[str]) -> Result:
    """What vfioguard says of the states of a run, beside the kernel's answers."""
    tallies: dict[str, Counter[str]] = {}
    differences: list[str] = []
    for state in judge.states(folder):
        report = judge.report(folder, state)
        for question, rows in (
            ("interrupts", judge.compared(answers, report, state)),
            ("attach", judge.whole(answers, report, state)),
        ):
            tallies[f"{state}, {question}"] = judge.tally(rows)
            differences += [
                f"{state}, {question}: {difference}" for difference in judge.differences(rows)
            ]
        if foretold.answered(folder, state):
            came = foretold.rows(folder, answers, state)
            tallies[f"{state}, check"] = foretold.tally(came)
            differences += [f"{state}, {difference}" for difference in foretold.differences(came)]
    if own.answered(folder):
        tallies["bound, try"] = own.tally(folder)
        differences += own.differences(folder)
    return Result(answers, judge.trait(answers), tallies, differences, faults)


def _head(archive: Archive, wanted: Run, made: machine.Boot, wall: float) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "note": wanted.cell.note,
        "hard": wanted.cell.hard,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "qemu": machine.version(archive, wanted.cell.arch),
        "cmdline": machine.cmdline(made),
        "wall_s": round(wall, 1),
    }


def _initrd(archive: Archive, made: machine.Boot) -> bytes:
    """The initramfs: the kernel's modules, the guest's programs, the options."""
    arch, cell = made.cell.arch, made.cell
    files = {f"bin/{name}": cpio.program(data) for name, data in tools.build(archive, arch).items()}
    files.update(python.get(archive, arch))
    files["vfioguard.pyz"] = cpio.File(python.pyz(archive))
    files["bin/busybox"] = cpio.program(tools.busybox(archive, arch))
    files.update({f"bin/{applet}": cpio.link("busybox") for applet in _APPLETS})
    with open(f"{tools.SOURCES}/init", "rb") as file:
        files["init"] = cpio.program(file.read())
    with open(made.kernel.config, "rb") as file:
        files["boot/config"] = cpio.File(file.read())
    options = "".join(f"{key}='{value}'\n" for key, value in cell.guest)
    files["etc/lab-options"] = cpio.File(options.encode())
    if cell.steps:
        files.update(walk.files(archive, arch, cell.steps))
    devices = [*machine.MACHINES[arch].way_out, *cell.devices_of_all, *walk.plugged(cell.steps)]
    drivers = kernels.drivers_of(arch, devices)
    for kind, wanted in (("drivers", drivers), ("vfio", kernels.VFIO)):
        names = made.kernel.in_order(wanted)
        files[f"etc/lab-{kind}"] = cpio.File(" ".join(names).encode())
        files.update({f"lib/modules/{n}.ko": cpio.File(made.kernel.module(n)) for n in names})
    for name in ("proc", "sys", "run", "dev"):
        files[f"{name}/.lab"] = cpio.File(b"")
    files["dev/console"] = cpio.CONSOLE
    return cpio.pack(files)


def _tables(archive: Archive, made: machine.Boot, told: Told) -> dict[str, bytes]:
    """The machine's own ACPI tables, which a first boot of it hands out; kept for the next time."""
    cell = made.cell
    key = repr((cell.machine, cell.cpu, cell.memory, cell.devices_of_all, made.kernel.release))
    folder = f"{archive.folder}/tables/{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not os.path.isdir(folder):
        plain = made._replace(cell=_for_tables(cell))
        _write(made.initrd, _initrd(archive, plain))
        handed = boot(machine.command(archive, plain), made.folder, limits(walks=False), told)
        tables = {
            name.partition("/")[2]: data for name, data in handed.items() if name[:7] == "tables/"
        }
        if not tables:
            raise Failed("the machine has no ACPI tables to edit")
        os.unlink(f"{made.folder}/stream")
        os.makedirs(f"{folder}.new", exist_ok=True)
        for name, data in tables.items():
            _write(f"{folder}.new/{name}", data)
        os.rename(f"{folder}.new", folder)
    tables = {}
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", "rb") as file:
            tables[name] = file.read()
    return tables


def _for_tables(cell: Cell) -> Cell:
    return cell._replace(acpi=(), walk="", guest=(("TABLES", "1"),))


def _keep(folder: str, handed: dict[str, bytes]) -> None:
    for state in judge.STATES:
        if f"{state}.tar" in handed:
            _write(judge.capture(folder, state), lzma.compress(handed[f"{state}.tar"], preset=6))
        if f"{state}.own.tar" in handed:
            _write(own.capture(folder, state), lzma.compress(handed[f"{state}.own.tar"], preset=6))
    checks = [os.path.basename(foretold.path(folder, state)) for state in foretold.STATES]
    whole = ("dmesg", "attach.err", "try.json", "try.err", "try.tar", *checks, *walk.HANDED)
    for name in whole:
        if handed.get(name):
            _write(f"{folder}/{name}", handed[name])


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
