"""The daemon as systemd runs it: a socket that it tells, and SIGHUP."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from tests.serve.test_daemon import ALLOWED, daemon
from tests.serve.test_notify import Manager
from tests.support.hosts import x86_host
from tests.support.trees import write

PARAMETER = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#: A daemon that reads its host once, and then only when it is asked. Without the first option it
#: would hear the uevents of the machine that runs the tests.
WHEN_ASKED = ("--uevents", "off", "--poll-interval", "3600", "--interval", "86400")


def test_it_is_ready_with_the_first_answer_and_says_that_it_ends(tmp_path: Path) -> None:
    with (
        contextlib.closing(Manager(f"{tmp_path}/notify")) as manager,
        daemon(ALLOWED, NOTIFY_SOCKET=manager.name) as running,
    ):
        assert manager.heard() == "READY=1"
        assert manager.heard() == "STATUS=17 allowed of 17 IOMMU groups"
        assert running.stop() == 0
        assert manager.heard() == "STOPPING=1"


def test_a_hangup_reads_the_host_at_once(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with (
        contextlib.closing(Manager(f"{tmp_path}/notify")) as manager,
        daemon(root, *WHEN_ASKED, NOTIFY_SOCKET=manager.name) as running,
    ):
        assert [manager.heard(), manager.heard()][1] == "STATUS=2 refused of 2 IOMMU groups"
        (root / PARAMETER).write_text("Y\n")
        running.process.send_signal(signal.SIGHUP)
        assert manager.heard().startswith("RELOADING=1\n")
        assert manager.heard() == "READY=1"
        assert manager.heard() == "STATUS=2 allowed-by-override of 2 IOMMU groups"
