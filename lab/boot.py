"""One boot of QEMU: it ends by itself, or the lab ends it; no QEMU outlives the lab."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from lab.qmp import Monitor, Wishes
from lab.say import Clock, Failed

#: A guest that says more than this is broken, in bytes.
_TOO_MUCH = 512 << 20
#: Left free on the disk, in bytes.
_SPARE = 200 << 20
_TAIL = 25


class Limits(NamedTuple):
    """When a guest hangs: it says nothing for so long, or has used so much CPU. In seconds.

    Neither counts the time in which a busy machine lets QEMU wait, up to a degree.
    """

    silence: float
    cpu: float


def boot(
    command: list[str],
    folder: str,
    limits: Limits,
    told: Callable[[float, str], None],
    *,
    plugs: bool = False,
) -> dict[str, bytes]:
    """Run QEMU to its end and return what the guest handed out, by name.

    `told` hears how long the boot has taken, in seconds, and what the guest said last. If `plugs`,
    the guest may ask for devices on its console (`qmp.Wishes`).
    Raises Failed, with the tail of the console, if the guest hangs, panics, says too much, fills
    the disk, or asks for what QEMU refuses.
    """
    with Monitor() as monitor:
        why = _run(command, folder, limits, told, monitor if plugs else None)
    handed = _handed_out(f"{folder}/stream")
    if "phases" not in handed or b" done" not in handed["phases"]:
        raise Failed(f"{why or _reason(folder)}\n{tail(folder)}".rstrip())
    return handed


def _run(
    command: list[str],
    folder: str,
    limits: Limits,
    told: Callable[[float, str], None],
    monitor: Monitor | None,
) -> str | None:
    """Run QEMU. Returns why the lab ended it, or None if it ended by itself."""
    clock, heard, said = Clock(), 0.0, 0
    wishes = Wishes(f"{folder}/console")
    with open(f"{folder}/qemu.log", "w") as log, subprocess.Popen(
        # QEMU ends with the lab even if nobody can end it: the lab was killed.
        ["setpriv", "--pdeathsig", "KILL", *command, *(monitor.arguments if monitor else [])],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0,
        pass_fds=[monitor.descriptor] if monitor else [],
    ) as process:  # fmt: skip
        try:
            if monitor:
                monitor.started()
            while process.poll() is None:
                now = _size(f"{folder}/stream") + _size(f"{folder}/console")
                heard, said = (clock(), now) if now != said else (heard, said)
                if clock() - heard > limits.silence:
                    return f"the guest hangs: it has said nothing for {limits.silence:.0f} s"
                if _cpu(process.pid) > limits.cpu:
                    return f"the guest hangs: it has used {limits.cpu:.0f} s of CPU"
                if now > _TOO_MUCH:
                    return f"the guest says more than {_TOO_MUCH >> 20} MiB"
                disk = os.statvfs(folder)
                if disk.f_bavail * disk.f_frsize < _SPARE:
                    return f"the disk of {folder} is full"
                told(clock(), _last_phase(f"{folder}/console"))
                why = _granted(wishes, monitor) if monitor else None
                if why is not None:
                    return why
                time.sleep(0.5)
            return None
        finally:
            _end(process)


def _granted(wishes: Wishes, monitor: Monitor) -> str | None:
    """Give QEMU what the guest wishes. Returns why that fails, or None if it does not."""
    try:
        for wish in wishes.new():
            monitor.ask(wish)
    except Failed as failed:
        return str(failed)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and what it has started, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _cpu(pid: int) -> float:
    """The CPU time of a process, in seconds: proc_pid_stat(5), utime and stime."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _console(path: str) -> list[str]:
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        file.seek(max(0, _size(path) - (64 << 10)))
        text = file.read().decode(errors="replace")
    return ["".join(letter for letter in row if letter.isprintable()) for row in text.splitlines()]


def _last_phase(path: str) -> str:
    phases = [row for row in _console(path) if row.startswith("LAB ")]
    return phases[-1].split(" ", 2)[2] if phases else "booting"


def tail(folder: str) -> str:
    """The last rows of a boot's console, as they are told."""
    return "\n".join(f"    | {row}" for row in _console(f"{folder}/console")[-_TAIL:])


def _reason(folder: str) -> str:
    """Why a boot gave nothing, though QEMU ended by itself."""
    panics = [row for row in _console(f"{folder}/console") if "Kernel panic" in row]
    if panics:
        return f"the kernel panics: {panics[-1].partition('Kernel panic')[2].strip(' -')}"
    with open(f"{folder}/qemu.log", errors="replace") as log:
        said = log.read().strip().splitlines()
    if said and not _size(f"{folder}/console"):
        return f"QEMU does not start: {said[-1]}"
    return "the guest ended before it had handed out everything"


def _handed_out(path: str) -> dict[str, bytes]:
    """The guest's gzip members, each a tar, as files by name; later ones win, a cut one is left."""
    files: dict[str, bytes] = {}
    if not os.path.exists(path):
        return files
    with open(path, "rb") as file:
        rest = file.read()
    while rest[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(31)
        try:
            tar = stream.decompress(rest)
        except zlib.error:
            break
        if not stream.eof:
            break
        rest = stream.unused_data
        with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(tar)) as members:
            for member in members:
                content = members.extractfile(member) if member.isfile() else None
                if content is not None:
                    files[member.name] = content.read()
    return files
