"""What judging many captures takes: `python bench/many.py [CAPTURES [GROUPS]]` (1000, 64).

Makes captures of two synthetic hosts (hosts.py), of which one of a hundred has no interrupt
remapping, and one broken file, and runs `vfioguard fleet` on the directory. Prints the causes, and
the seconds of the clock and of CPU. The exit status tells whether the answer was right, never how
fast.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hosts

_BAD = 100


def capture(directory: Path, name: str, groups: int, *, remapping: bool) -> Path:
    """A capture of a synthetic host."""
    root, file = directory / name, directory / f"{name}.tar.xz"
    hosts.make(root, groups, remapping=remapping)
    command = [sys.executable, "-m", "vfioguard", "capture", "--root", str(root), str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return file


def main() -> None:
    """Make them, judge them, and compare the answer with what was made."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    groups = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    with tempfile.TemporaryDirectory(prefix="vfioguard-bench-") as name:
        directory, captures = Path(name), Path(name, "captures")
        captures.mkdir()
        good = capture(directory, "good", groups, remapping=True).read_bytes()
        bad = capture(directory, "bad", groups, remapping=False).read_bytes()
        for host in range(number):
            content = bad if host % _BAD == 0 else good
            (captures / f"host-{host:05}.tar.xz").write_bytes(content)
        (captures / "broken.tar.xz").write_bytes(good[: len(good) // 2])
        command = [sys.executable, "-m", "vfioguard", "fleet", str(captures), "--output", "json"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        answer = json.loads(subprocess.run(command, check=False, stdout=subprocess.PIPE).stdout)
        seconds = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for cause in answer["causes"]:
        print(cause["cause"], cause["outcome"], len(cause["paths"]), "hosts")
    print(
        f"{number:,} captures of {groups} groups, {os.cpu_count()} processors: {seconds:.1f} s, "
        f"{cpu:.1f} s of CPU, at most {after.ru_maxrss / 1024:.0f} MiB a process"
    )
    worst = {row["outcome"]: row["hosts"] for row in answer["worst"]}
    if worst.get("refused") != len(range(0, number, _BAD)) or sum(worst.values()) != number:
        raise SystemExit(f"not what was made: {worst}")


if __name__ == "__main__":
    main()
