"""All senses of the daemon together: uevents, the module parameters, the kernel's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.senses.hint import PARAMETERS, Hint
from vfioguard.serve.senses.inotify import Inotify
from vfioguard.serve.senses.kmsg import LogFollower
from vfioguard.serve.senses.uevents import Watcher
from vfioguard.snapshot import IOMMUFD, NOIOMMU, TYPE1

_PARAMETERS = tuple(
    f"/sys/module/{module}/parameters/{name}" for module, name in (TYPE1, IOMMUFD, NOIOMMU)
)

_log = logging.getLogger("vfioguard")


class Senses:
    """Calls `tell` with a hint whenever one of the senses notices something.

    `uevents` is "kernel", "udev" or "off". `running`: the host that is read is the running one;
    only then are its log and its module parameters followed.
    """

    def __init__(self, tell: Callable[[Hint], None], uevents: str, *, running: bool) -> None:
        self._tell = tell
        self.watcher = Watcher(self._heard, uevents) if uevents != "off" else None
        self.kmsg = LogFollower(tell) if running else None
        self._inotify = Inotify(_PARAMETERS, self._written) if running else None

    def start(self) -> None:
        """Start every sense that can start. What the others would notice is read at intervals."""
        if self.watcher is not None:
            self.watcher.start()
        for name, sense in (("module parameters", self._inotify), ("the kernel's log", self.kmsg)):
            if sense is not None:
                try:
                    sense.start()
                except OSError as error:
                    _log.info("%s cannot be followed: %s", name, error.strerror or error)

    def close(self) -> None:
        """Stop every sense."""
        for sense in (self.watcher, self._inotify, self.kmsg):
            if sense is not None:
                with suppress(OSError):
                    sense.close()

    def blind(self) -> Doubt | None:
        """Why no uevents are received. Returns None if they are, or if `uevents` is "off"."""
        watcher = self.watcher
        if watcher is None or watcher.up:
            return None
        why = f"no uevents are received: {watcher.failure}; --uevents off does without them"
        return Doubt(Reason.NO_EVENTS, why, time.monotonic() - watcher.silent_since)

    def _heard(self, hint: Hint) -> None:
        if hint.parameters and self._inotify is not None:
            self._inotify.arm()  # the module may have been loaded, with new files
        self._tell(hint)

    def _written(self) -> None:
        self._tell(PARAMETERS)
