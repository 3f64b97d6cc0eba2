"""The booted machine, and how what it shows is written down: a line for each claim."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TEST = Path("/test")
UNIT = "vfioguard.service"
#: Not the package's: mounts, notes of dpkg, logs, caches, and what we brought.
OTHERS = (
    "/dev", "/proc", "/root", "/run", "/sys", "/test", "/tmp", "/var/backups", "/var/cache",
    "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/tmp",
)  # fmt: skip

failures: list[str] = []


def shown(claim: str, true: object, detail: object = "") -> None:
    """One line; a failure is kept for the exit status."""
    print(f"{'ok  ' if true else 'FAIL'} {claim}{f': {detail}' if detail else ''}", flush=True)
    if not true:
        failures.append(claim)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def must(*command: str) -> None:
    """Run what the stage cannot go on without; where it fails, show why."""
    result = run(*command)
    if result.returncode:
        shown(" ".join(command), False, result.stdout + result.stderr)
        print(run("journalctl", "-b", "--no-pager", "-n", "60", "-o", "cat").stdout, flush=True)


def curl(*arguments: str) -> tuple[int, str]:
    """Exit status, and the body or what curl complained of."""
    result = run("curl", "-sS", "-f", "--max-time", "20", *arguments)
    return result.returncode, result.stdout or result.stderr.strip()


def prop(name: str, unit: str = UNIT) -> str:
    return run("systemctl", "show", "-P", name, unit).stdout.strip()


def until(true: Callable[[], object], seconds: float) -> float | None:
    """Seconds until it was true, None if it was not in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if true():
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def after(seconds: float | None) -> str:
    return "" if seconds is None else f"after {seconds:.1f} s"


@contextmanager
def differing(unit: str, text: str) -> Iterator[None]:
    """A drop-in for a while; starting the unit is left to the caller."""
    path = Path(f"/run/systemd/system/{unit}.d/test.conf")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    _reload()
    yield
    path.unlink()
    path.parent.rmdir()
    _reload()


def _reload() -> None:
    """Let systemd read the units, and forget how often it started the daemon (StartLimitBurst=).

    Unlike 252, systemd 257 remembers that when it is told to reload.
    """
    must("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", UNIT)


def journal() -> str:
    """What the daemon's unit said since its last start."""
    run("journalctl", "--sync")
    only = f"_SYSTEMD_INVOCATION_ID={prop('InvocationID')}"
    return run("journalctl", "--no-pager", "-o", "cat", only).stdout


def resident(pid: str) -> float:
    """MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def files() -> set[str]:
    """Every file and directory that a package could have left."""
    found: set[str] = set()
    for directory, names, plain in os.walk("/"):
        base = directory.rstrip("/")
        names[:] = [name for name in names if not f"{base}/{name}".startswith(OTHERS)]
        # Python's own libraries are compiled by whoever uses them first.
        names[:] = [name for name in names if name != "__pycache__" or "vfioguard" in base]
        found.update(f"{base}/{name}" for name in (*names, *plain))
    return found
