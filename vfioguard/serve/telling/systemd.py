"""Tells systemd the daemon's state, by sd_notify(3): datagrams of lines to $NOTIFY_SOCKET.

The event loop itself feeds the watchdog, so a loop that hangs leads to a restart
(systemd.service(5), WatchdogSec=). A reading that hangs or fails does not lead to one: the daemon
answers 503 with the reason, and systemd could not restart a process that cannot end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

from vfioguard.serve.telling.log import Trouble

#: The most seconds that sending one datagram may take, as the loop waits for it.
_PATIENCE = 1.0
#: How often the watchdog is fed within its period. sd_watchdog_enabled(3) recommends twice.
_FEEDINGS = 3

_log = logging.getLogger("vfioguard")


class Notifier:
    """Tells the service manager, if there is one.

    `environment` has NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd sets them. A failure
    is logged, not raised. The next call tells what could not be told.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._period = _period(environment)
        self._status = ""
        self._ready = False
        self._reloads = False
        self._trouble = Trouble("systemd is told again")

    def ready(self, status: str) -> None:
        """The daemon has an answer, which ends the start or a reload. `status` is one line."""
        self._ready = self._ready or self._send("READY=1")
        self._reloads = self._reloads and not self._ready
        self._show(status)

    def failed(self, status: str) -> None:
        """The daemon has no answer, which ends a reload, but not the start."""
        if self._reloads:
            self.ready(status)
        self._show(status)

    def _show(self, status: str) -> None:
        """Send the line for `systemctl status` if it has changed."""
        line = " ".join(status.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def reloading(self) -> None:
        """A reload begins. The next `ready` ends it."""
        self._ready, self._reloads = False, True
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """The daemon was told to end."""
        self._send("STOPPING=1")

    async def feed(self) -> None:
        """Feed the watchdog for ever. Returns at once if there is none."""
        while self._period is not None:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._period)

    def _send(self, text: str) -> bool:
        if self._address is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(_PATIENCE)
                manager.sendto(text.encode(), self._address)
        except OSError as error:
            what = text.partition("=")[0]
            self._trouble.here(f"systemd was not told {what}: {error}", kind=str(error))
            return False
        self._trouble.gone()
        return True


def _address(text: str) -> str | None:
    """The socket's address: a path, or after an @ a name in the abstract namespace.

    Returns None if nobody listens, or if the address is of another kind.
    """
    if text.startswith("@"):
        return f"\0{text[1:]}"
    if text and not text.startswith("/"):
        _log.warning("NOTIFY_SOCKET=%s is no address that is known here", text)
        return None
    return text or None


def _period(environment: Mapping[str, str]) -> float | None:
    """Seconds between two feedings. Returns None if no watchdog watches this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or process not in {"", str(os.getpid())}:
        return None
    return int(microseconds) / 1_000_000 / _FEEDINGS
