"""All that tells the daemon of changes: uevents, the module parameters, the kernel's log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from vfioguard.serve.senses.hint import PARAMETERS, Hint
from vfioguard.serve.senses.inotify import Inotify
from vfioguard.serve.senses.kmsg import LogFollower
from vfioguard.serve.senses.uevents import Watcher
from vfioguard.snapshot import IOMMUFD, NOIOMMU, TYPE1

_PARAMETERS = tuple(f"/sys/module/{m}/parameters/{name}" for m, name in (TYPE1, IOMMUFD, NOIOMMU))

_log = logging.getLogger("vfioguard")


class Senses:
    """`uevents` are "kernel", "udev" or "off"; `running`: the host is the one that runs here."""

    def __init__(self, tell: Callable[[Hint], None], uevents: str, *, running: bool) -> None:
        self._tell = tell
        self.watcher = Watcher(self._heard, uevents) if uevents != "off" else None
        self.kmsg = LogFollower(tell) if running else None
        self._inotify = Inotify(_PARAMETERS, self._written) if running else None

    def start(self) -> None:
        """Listen, each to what it can; what cannot be heard is read at intervals."""
        if self.watcher is not None:
            self.watcher.start()
        for name, sense in (("module parameters", self._inotify), ("the kernel's log", self.kmsg)):
            if sense is not None:
                try:
                    sense.start()
                except OSError as error:
                    _log.info("%s cannot be followed: %s", name, error.strerror or error)

    def close(self) -> None:
        """Listen to nothing any more."""
        for sense in (self.watcher, self._inotify, self.kmsg):
            if sense is not None:
                with suppress(OSError):
                    sense.close()

    def blind(self) -> str | None:
        """Why changes are not heard of although they should be, None where they are."""
        if self.watcher is None or self.watcher.up:
            return None
        return f"no uevents are received: {self.watcher.failure}; --uevents off does without them"

    def _heard(self, news: Hint) -> None:
        if news.parameters and self._inotify is not None:
            self._inotify.arm()  # the module has come, or come again, with new files
        self._tell(news)

    def _written(self) -> None:
        self._tell(PARAMETERS)
