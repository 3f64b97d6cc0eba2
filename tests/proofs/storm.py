"""4,096 virtual functions appear within 2 s: python -m tests.proofs.storm.

Another process makes them appear in a synthetic tree, and says so for each: that it came, and that
it was bound.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import hosts

from tests.proofs.followed import Followed, bound, percentile, rss, until
from vfioguard.serve.senses.hint import Hint

_GROUPS, _FUNCTIONS, _SECONDS = 4352, 4096, 2.0
#: The goals on a quiet machine; another process may have the CPU, so the bounds of times are wide.
_COMPLETE, _LAG_MS, _READINGS = 3.0, 10.0, 3
_COMPLETE_BOUND, _LAG_BOUND_MS = 15.0, 300.0
_RSS_MB = 40.0
_LINKS, _NUMBERS = "sys/bus/pci/devices", "sys/kernel/iommu_groups"


def virtual() -> list[tuple[str, int]]:
    """The last of them, with their groups."""
    found = [(one.name, one.group) for one in hosts.functions(_GROUPS) if one.kind == hosts.VF]
    return found[-_FUNCTIONS:]


def hide(tree: Path) -> None:
    """Have no such functions yet, but all that they will be."""
    for name, group in virtual():
        os.rename(tree / _NUMBERS / str(group), tree / f"later/{group}")
        os.rename(tree / _LINKS / name, tree / f"later/{name}")


def appear(tree: Path) -> None:
    """Evenly within the time; a line on stdout is an event."""
    began = time.monotonic()
    for at, (name, group) in enumerate(virtual()):
        os.rename(tree / f"later/{group}", tree / _NUMBERS / str(group))
        os.rename(tree / f"later/{name}", tree / _LINKS / name)
        print(f"add {name}\nbind {name}")
        if at % 16 == 0:
            sys.stdout.flush()
            time.sleep(max(0.0, began + _SECONDS * at / _FUNCTIONS - time.monotonic()))


async def storm(tree: Path) -> None:
    followed = Followed(str(tree))
    command = [sys.executable, "-m", "tests.proofs.storm", "--appear", str(tree)]
    async with followed.running():
        few = len(followed.report.groups)
        gc.freeze()  # as the daemon does it
        before, readings = rss(), followed.reader.readings.copy()
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        first = await child.stdout.readline()
        began = last = time.monotonic()
        followed.lags.clear()
        line = first
        events = 0
        while line:
            action, name = line.decode().split()
            followed.backlog.tell(Hint(frozenset({name}), listings=action == "add"))
            events, last = events + 1, time.monotonic()
            line = await child.stdout.readline()
        assert await child.wait() == 0
        await until(lambda: len(followed.report.groups) == _GROUPS)
        complete = time.monotonic() - last
        await asyncio.sleep(1)
        lag, grown = 1000 * percentile(followed.lags, 0.99), rss() - before
        most = 1000 * max(followed.lags)
    costly = sum((followed.reader.readings - readings)[kind] for kind in ("full", "listings"))
    print(
        f"storm: {events} events of {_FUNCTIONS} functions in {last - began:.1f} s, on top of "
        f"{few} groups; readings {dict(followed.reader.readings - readings)}; complete "
        f"{complete:.2f} s after the last event (goal {_COMPLETE:g}); loop lag p99 {lag:.1f} ms "
        f"(goal {_LAG_MS:g}), at most {most:.0f}; RSS {before:.1f} + {grown:.1f} MB"
    )
    bound(kept=costly <= _READINGS, what=f"{costly} readings of the host, at most {_READINGS}")
    bound(kept=complete <= _COMPLETE_BOUND, what=f"complete after {complete:.2f} s")
    bound(kept=lag <= _LAG_BOUND_MS, what=f"loop lag p99 {lag:.1f} ms")
    bound(kept=grown <= _RSS_MB, what=f"RSS grew by {grown:.1f} MB, at most {_RSS_MB:g}")
    bound(kept=not followed.failures, what=f"readings that failed: {followed.failures}")
    bound(kept=followed.equals_full(), what="what is served equals a full reading")


def main() -> None:
    if sys.argv[1:2] == ["--appear"]:
        appear(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(prefix="vfioguard-storm-", dir="/dev/shm") as directory:
        tree = Path(directory)
        hosts.make(tree, _GROUPS)
        (tree / "later").mkdir()
        hide(tree)
        sys.setswitchinterval(0.001)  # as the daemon does it
        asyncio.run(storm(tree))


if __name__ == "__main__":
    main()
