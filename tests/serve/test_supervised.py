"""The daemon as systemd runs it: a socket that it tells, SIGHUP, and a reading that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from pathlib import Path

from tests.serve.serving import Clock, latest_of, scan_of
from tests.serve.test_daemon import ALLOWED, daemon
from tests.serve.test_notify import WATCHDOG, Manager
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.serve.follow import Follower, Hooks, Intervals
from vfioguard.serve.latest import Scan
from vfioguard.serve.news import News
from vfioguard.serve.notify import Notifier

PARAMETER = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


def test_it_is_ready_with_the_first_answer_and_says_that_it_ends(tmp_path: Path) -> None:
    with (
        contextlib.closing(Manager(f"{tmp_path}/notify")) as manager,
        daemon(ALLOWED, NOTIFY_SOCKET=manager.name) as running,
    ):
        assert manager.heard() == "READY=1"
        assert manager.heard() == "STATUS=24 allowed of 24 IOMMU groups"
        assert running.stop() == 0
        assert manager.heard() == "STOPPING=1"


def test_a_hangup_reads_the_host_at_once(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with (
        contextlib.closing(Manager(f"{tmp_path}/notify")) as manager,
        daemon(root, "--interval", "86400", NOTIFY_SOCKET=manager.name) as running,
    ):
        assert [manager.heard(), manager.heard()][1] == "STATUS=2 refused of 2 IOMMU groups"
        (root / PARAMETER).write_text("Y\n")
        running.process.send_signal(signal.SIGHUP)
        assert manager.heard().startswith("RELOADING=1\n")
        assert manager.heard() == "READY=1"
        assert manager.heard() == "STATUS=2 allowed-by-override of 2 IOMMU groups"


def test_a_reading_that_hangs_stops_the_feeding_and_not_the_loop(tmp_path: Path) -> None:
    clock, release = Clock(), threading.Event()
    latest = latest_of(scan_of(x86_host(2)), clock=clock)
    turned = 0

    def hang(_news: News) -> Scan:
        release.wait()
        return scan_of(x86_host(2))

    def stale() -> str | None:
        nonlocal turned
        turned += 1
        clock.now += 15  # the interval is 10 seconds, and three of them are too long
        if turned > 4:
            raise asyncio.CancelledError
        return latest.stale()

    async def go(notifier: Notifier) -> None:
        hooks = Hooks(lambda _report: None, lambda _reason: None)
        reading = asyncio.create_task(Follower(hang, latest, Intervals(), hooks).run())
        with contextlib.suppress(asyncio.CancelledError):
            await notifier.feed(stale)
        assert latest.unready() is not None
        reading.cancel()
        release.set()

    with contextlib.closing(Manager(f"{tmp_path}/notify")) as manager:
        asyncio.run(go(Notifier({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": WATCHDOG})))
        assert manager.drain() == ["WATCHDOG=1"] * 2
