"""200,000 real uevents into the smallest receive buffer: python -m tests.proofs.flood (root).

A host of 4,096 groups in a synthetic tree is followed meanwhile. Other processes make the events,
so that the kernel drops them while this one drains.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import hosts

from tests.proofs.followed import Followed, bound, percentile, until
from tests.serve.uevents import change
from vfioguard.serve.senses.hint import Hint
from vfioguard.serve.senses.uevents import Watcher

_EVENTS, _WRITERS, _GROUPS = 200_000, 2, 4096
_TARGET = "0000:01:00.1"


class Readiness:
    """Whether readiness was ever claimed while an overrun was not made up for."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._owed = 0
        self.samples = self.unready = self.lies = 0

    def lost(self) -> None:
        """Only a reading that begins from now on makes up for it."""
        self._owed = self._followed.begun + 1

    def sample(self) -> None:
        self.samples += 1
        if self._followed.latest.unready() is not None:
            self.unready += 1
        elif self._followed.served < self._owed:
            self.lies += 1


async def flood(tree: Path) -> None:
    followed = Followed(str(tree))
    readiness = Readiness(followed)

    def tell(hint: Hint) -> None:
        followed.backlog.tell(hint)
        if hint.lost:
            readiness.lost()
        readiness.sample()

    watcher = Watcher(tell, buffer=1)
    watcher.start()

    async def sample() -> None:
        while True:
            readiness.sample()
            await asyncio.sleep(0.001)

    async with followed.running():
        sampling = asyncio.create_task(sample())
        began = time.monotonic()
        command = [sys.executable, "-m", "tests.proofs.flood", "--write"]
        writers = [
            await asyncio.create_subprocess_exec(*command, str(_EVENTS // _WRITERS))
            for _ in range(_WRITERS)
        ]
        uevent = tree / "sys/bus/pci/devices" / _TARGET / "uevent"
        uevent.write_text(uevent.read_text().replace("DRIVER=vfio-pci", "DRIVER=flooded"))
        assert [await one.wait() for one in writers] == [0] * _WRITERS
        took = time.monotonic() - began
        await until(lambda: followed.latest.unready() is None)
        settled = time.monotonic() - began
        heard = watcher.events["pci"]
        change()
        await until(lambda: watcher.events["pci"] > heard)
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
        watcher.close()
    print(
        f"flood: {_EVENTS} events in {took:.1f} s, a buffer of the smallest size; "
        f"{heard} received, {watcher.overruns} overruns, {watcher.gaps} other gaps; "
        f"ready again {settled - took:.2f} s after the last; "
        f"readings {dict(followed.reader.readings)}; "
        f"loop lag p99 {1000 * percentile(followed.lags, 0.99):.1f} ms"
    )
    bound(kept=watcher.overruns >= 1, what=f"{watcher.overruns} overruns were noticed")
    bound(kept=True, what="an event after the flood was heard")
    bound(kept=not followed.failures, what=f"readings failed: {followed.failures}")
    drivers = {d.name: d.driver for group in followed.report.groups for d in group.devices}
    bound(kept=drivers[_TARGET] == "flooded", what="what changed meanwhile is served")
    bound(kept=followed.equals_full(), what="what is served equals a full reading")
    seen = readiness
    text = f"of {seen.samples} samples {seen.unready} unready, {seen.lies} wrongly ready"
    bound(kept=seen.lies == 0 and seen.unready > 0, what=text)


def main() -> None:
    if sys.argv[1:2] == ["--write"]:
        change(int(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(prefix="vfioguard-flood-", dir="/dev/shm") as directory:
        hosts.make(Path(directory, "host"), _GROUPS)
        asyncio.run(flood(Path(directory, "host")))


if __name__ == "__main__":
    main()
