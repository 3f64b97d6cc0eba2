"""A host that is followed in this process as the daemon does it, and what is measured meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from vfioguard.judging.causes import with_ungrouped
from vfioguard.judging.evaluate import judge
from vfioguard.judging.policies import policy_names
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN, Report
from vfioguard.root.opening import open_root
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.follower import Follower, Hooks, Intervals
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.senses.hint import Hint

SELDOM = Intervals(3600, 3600)


class Followed:
    """`served` has the number of the reading that is served, `begun` that of the last one begun."""

    def __init__(self, root: str, intervals: Intervals = SELDOM) -> None:
        self.root = root
        self.reader = HostReader(root, NOTHING_CHOSEN)
        self.backlog = Backlog(self.reader.patience)
        self.latest = Latest(policy_names(), min(intervals), doubts=(self.backlog.doubt,))
        self.failures: list[str] = []
        self.served = self.begun = 0
        self.lags: list[float] = []
        hooks = Hooks(
            served=lambda _: None,
            settled=self._published,
            failed=self.failures.append,
            stuck=self.failures.append,
        )
        self.follower = Follower(self._read, self.backlog, self.latest, intervals, hooks)

    def _read(self, hint: Hint) -> Scan:
        self.begun += 1
        return self.reader.read(hint)

    def _published(self, _report: Report) -> None:
        self.served = self.begun

    @property
    def report(self) -> Report:
        assert self.latest.scan is not None, "nothing was read"
        return self.latest.scan.report

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow, and measure the loop's lag every 5 ms."""
        tasks = [asyncio.create_task(one) for one in (self.follower.run(), self._lag())]
        try:
            await until(lambda: self.served > 0)
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _lag(self) -> None:
        while True:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            self.lags.append(time.perf_counter() - due)

    def equals_full(self) -> bool:
        """Whether what is served is what reading everything finds now."""
        full = everything(self.root)
        return equal(self.report._replace(generated_at=""), full)


def everything(root: str) -> Report:
    """What reading everything finds now, with the causes of functions in no group."""
    judged = judge(take(open_root(root)), "")
    return with_ungrouped(judged.host, judged.report)


def equal(served: Report, full: Report) -> bool:
    """Whether they are; prints what differs."""
    for name, ours, theirs in zip(full._fields, served, full, strict=True):
        if name == "groups" and len(ours) == len(theirs):
            for mine, other in zip(ours, theirs, strict=True):
                for field, was, now in zip(mine._fields, mine, other, strict=True):
                    if was != now:
                        print(f"group {mine.id} {field}: served {was!r:.4000}\nfull {now!r:.4000}")
        elif ours != theirs:
            print(f"{name}: served {ours!r:.4000}\nfull {theirs!r:.4000}")
    return served == full


async def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """TimeoutError where it does not come about."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - it is about what no event tells
            await asyncio.sleep(0.005)


def rss() -> float:
    """MB of this process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def percentile(values: list[float], share: float) -> float:
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))]


def bound(*, kept: bool, what: str) -> None:
    """Print it; SystemExit where it was not kept."""
    print(f"{'kept' if kept else 'BROKEN'}: {what}", flush=True)
    if not kept:
        raise SystemExit(1)
