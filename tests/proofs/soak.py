"""100,000 events at intervals of milliseconds, 1,000 full readings: python -m tests.proofs.soak.

Neither memory nor file descriptors grow. Each event changes a file; everything is rendered,
compared and kept as the daemon does it.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import sys
import tempfile
import time
from pathlib import Path

import hosts

from tests.proofs.followed import Followed, bound, descriptors, rss, until
from vfioguard.change.codec import decode
from vfioguard.serve.follower import Intervals
from vfioguard.serve.http.metrics import report_metrics
from vfioguard.serve.senses.hint import EVERYTHING, LISTINGS, Hint
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.serve.telling.state_files import LAST, StateFiles

_EVENTS, _RESCANS, _SETTLING, _GROUPS = 100_000, 1000, 1000, 256
_GROWTH_MB, _GROWTH_PERCENT = 5.0, 2.0
_INTERVALS = Intervals(poll=0.05, full=1.0)


class Soaked(Followed):
    """Compares and keeps each report, and renders some."""

    def __init__(self, root: str, directory: str) -> None:
        super().__init__(root, _INTERVALS)
        self.teller = ChangeTeller("boot", StateFiles(directory))

    def settle(self) -> None:
        """Ask for everything large, and look at what is in memory then."""
        view = self.latest.view
        assert view is not None
        view.json()
        report_metrics(view, openmetrics=True)
        gc.collect()


async def events(soaked: Soaked, tree: Path, number: int, chance: random.Random) -> None:
    names = [one.name for one in hosts.functions(_GROUPS) if one.driver]
    for at in range(number):
        name = chance.choice(names)
        file = tree / "sys/bus/pci/devices" / name / "uevent"
        text = file.read_text()
        file.write_text(re.sub(r"^DRIVER=.*", f"DRIVER=drv{chance.randrange(5)}", text))
        listings = LISTINGS if at % 997 == 0 else Hint()
        soaked.backlog.tell(Hint(frozenset({name})) | listings)
        if at % 16 == 0:
            await asyncio.sleep(0)
        if at % 500 == 0:
            served = soaked.served
            await until(lambda served=served: soaked.served > served)
            soaked.teller.published(soaked.report)
            soaked.settle()


async def held() -> int:
    """The fewest descriptors within four seconds, as each reading and each write has more.

    On a busy machine a reading, which begins each second, may last nearly that long.
    """
    found = []
    for _ in range(200):
        found.append(descriptors())
        await asyncio.sleep(0.02)
    return min(found)


async def readings(soaked: Soaked, number: int) -> None:
    for _ in range(number):
        await asyncio.to_thread(soaked.reader.read, EVERYTHING)


async def soak(tree: Path, directory: str) -> None:
    chance = random.Random(18346)
    soaked = Soaked(str(tree), directory)
    async with soaked.running():
        following = asyncio.create_task(soaked.teller.run())
        await events(soaked, tree, _EVENTS // 10, chance)
        soaked.settle()
        before, files, began = rss(), await held(), time.monotonic()
        soaked.lags.clear()
        await events(soaked, tree, _EVENTS, chance)
        soaked.settle()
        soaked.lags.clear()
        took = time.monotonic() - began
        after, left = rss(), await held()
        await until(lambda: soaked.latest.unready() is None)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    kinds = dict(soaked.reader.readings)
    # After 100,000 events the heap settles within a thousand readings; the objects stay the same.
    await readings(soaked, _SETTLING)
    gc.collect()
    few, objects = rss(), len(gc.get_objects())
    await readings(soaked, _RESCANS)
    gc.collect()
    growth, more = 100 * (rss() - few) / few, len(gc.get_objects()) - objects
    print(
        f"soak: {_EVENTS} events in {took:.0f} s, readings {kinds}, "
        f"changes {sum(soaked.teller.counts.values())}; RSS {before:.1f} then {after:.1f} MB, "
        f"descriptors {files} then {left}; {_RESCANS} more readings: {growth:+.2f} %, "
        f"{more:+} objects of {objects}"
    )
    bound(kept=after - before < _GROWTH_MB, what=f"RSS grew by {after - before:.2f} MB, below 5")
    bound(kept=left <= files, what=f"{left} descriptors, no more than {files}")
    bound(kept=growth <= _GROWTH_PERCENT, what=f"1,000 readings grew it by {growth:.2f} %")
    bound(kept=more <= objects // 1000, what=f"1,000 readings left {more} objects more")
    bound(kept=soaked.reader.mismatches == 0, what=f"{soaked.reader.mismatches} mismatches")
    bound(kept=not soaked.failures, what=f"readings that failed: {soaked.failures}")
    bound(kept=soaked.equals_full(), what="what is served equals a full reading")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="vfioguard-soak-", dir="/dev/shm") as directory,
        tempfile.TemporaryDirectory(prefix="vfioguard-state-") as kept,
    ):
        hosts.make(Path(directory, "host"), _GROUPS)
        sys.setswitchinterval(0.001)  # as the daemon does it
        asyncio.run(soak(Path(directory, "host"), kept))
        decode(Path(kept, LAST).read_bytes())
        bound(kept=True, what="the state that was kept can be read")


if __name__ == "__main__":
    main()
