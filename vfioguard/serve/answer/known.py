"""What devices are, kept as long as somebody looks at the pages for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from vfioguard.device_facts import DeviceFacts
from vfioguard.report import Report
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Facts

#: Seconds for which a page waits for what its devices are, and until a failure is tried again.
_WAIT, _AGAIN = 0.2, 30.0
#: Seconds after the last look for which the facts are kept.
IDLE = 600.0


class Known:
    """Belongs to the event loop's thread. Nothing is read, and nothing kept, before a look.

    Only what stays the same for a device is kept: its names, its place. `version` grows with each
    reading. `clock` counts seconds, `wait` and `idle` are in seconds.
    """

    def __init__(self, clock: Callable[[], float], wait: float = _WAIT, idle: float = IDLE) -> None:
        self.version = 0
        self.facts: Mapping[str, DeviceFacts] = {}
        self.complete = True
        self._clock = clock
        self._wait, self._idle = wait, idle
        self._ids: dict[str, str | None] = {}
        self._tag = ""
        self._tried = -_AGAIN
        self._task: asyncio.Task[None] | None = None
        self._dropping: asyncio.TimerHandle | None = None

    async def look(self, view: View, read: Facts | None) -> None:
        """Get to know the devices of a view, as far as that is possible in a moment."""
        self._keep()
        if read is None:
            return
        if self._task is None and self._wanted(view):
            self._task = asyncio.create_task(self._read(view, read))
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), self._wait)

    def _wanted(self, view: View) -> bool:
        if view.tag != self._tag:
            return True
        return not self.complete and self._clock() > self._tried + _AGAIN

    async def _read(self, view: View, read: Facts) -> None:
        try:
            self._tried = self._clock()
            devices = _devices(view.report)
            new = [name for name, own in devices.items() if self._ids.get(name, "") != own]
            facts: Mapping[str, DeviceFacts] | None = {}
            if new:
                facts = await read(new)
            if facts is not None:
                kept = {name: self.facts[name] for name in devices if name in self.facts}
                self.facts = kept | {name: _static(own) for name, own in facts.items()}
                self._ids = devices
                self.version += bool(new)
            self.complete = facts is not None
            self._tag = view.tag
        finally:
            self._task = None

    @property
    def reading(self) -> bool:
        """Whether more will be known soon."""
        return self._task is not None

    def _keep(self) -> None:
        if self._dropping is not None:
            self._dropping.cancel()
        self._dropping = asyncio.get_running_loop().call_later(self._idle, self._drop)

    def _drop(self) -> None:
        self.facts, self._ids, self._tag = {}, {}, ""


def _devices(report: Report) -> dict[str, str | None]:
    """The ids of all devices by name: another id means another device."""
    members = {device.name: device.pci_id for group in report.groups for device in group.devices}
    return members | {device.name: device.pci_id for device in report.ungrouped}


def _static(facts: DeviceFacts) -> DeviceFacts:
    return facts._replace(
        reset_methods=None, msi_vectors=None, msi_chip=None, roles=None, cdev=None,
        iommufd=None, coherent=None, driver_override=None,
    )  # fmt: skip
