"""Uevents, from pyudev's Monitor, which is used so that it survives an overrun of its socket.

A netlink socket that is full drops events and reports that once: a receive fails with ENOBUFS. The
descriptor stays in error until then, and Monitor.poll() fails for ever (pyudev#194). So this module
calls only the Monitor's receive, until it returns nothing. After an overrun the whole host is read,
which finds what the lost events were about.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pyudev  # pyright: ignore[reportMissingTypeStubs]

from vfioguard.bdf import parse_bdf
from vfioguard.serve.senses.hint import EVERYTHING, LISTINGS, LOST, NOTHING, PARAMETERS, Hint
from vfioguard.typed import Any, Protocol, cast

#: Bytes of the receive buffer that we ask for, as udevd does. Without CAP_NET_ADMIN the kernel
#: gives at most net.core.rmem_max.
BUFFER = 128 << 20
#: The most events that are taken in one go, in about 5 ms, so that a flood does not block the loop.
_BATCH = 64
#: Seconds before a socket that failed is opened again.
_AGAIN = 5.0
#: How the modules are named whose parameters decide verdicts, or that bring a way to attach.
_MODULES = ("vfio", "iommufd")
#: The buses other than PCI whose devices can be members of IOMMU groups (policy.md 1.4).
_BUSES = frozenset({"platform", "amba", "fsl-mc", "cdx", "mdev", "ap", "ccw", "acpi"})

#: include/uapi/linux/nsfs.h (v4.9).
_NS_GET_USERNS = 0xB701
#: The initial user namespace: PROC_USER_INIT_INO, include/linux/proc_ns.h.
_INITIAL = 0xEFFFFFFD

_log = logging.getLogger("vfioguard")


class Event(Protocol):
    """The part of pyudev.Device that is used here."""

    subsystem: str | None
    action: str | None
    device_path: str
    sequence_number: int


class Monitor(Protocol):
    """The part of pyudev.Monitor that is used here. pyudev itself has no types."""

    def start(self) -> None: ...
    def fileno(self) -> int: ...
    def set_receive_buffer_size(self, size: int) -> None: ...
    def _receive_device(self) -> Event | None: ...


class Watcher:
    """Receives uevents and calls `tell` with a hint of what may have changed.

    `source` is "kernel" or "udev", which is udevd's rebroadcast. "kernel" works in every network
    namespace that the initial user namespace owns. `connect` opens a monitor of a source; after a
    failure it is called again every `again` seconds. The parameter `buffer` is the size in bytes
    that the receive buffer should have.

    The counters `events` (by subsystem), `overruns` and `gaps` only grow. The attribute `buffer` is
    the size in bytes that the kernel gave, None while closed.
    """

    def __init__(
        self,
        tell: Callable[[Hint], None],
        source: str = "kernel",
        buffer: int = BUFFER,
        again: float = _AGAIN,
        connect: Callable[[str], Monitor] | None = None,
    ) -> None:
        self.events: Counter[str] = Counter()
        self.overruns = 0
        self.gaps = 0
        self.buffer: int | None = None
        #: Why no events are received; "" while they are.
        self.failure = "not yet listened for"
        #: Since when, in seconds of the monotonic clock; of no meaning while they are.
        self.silent_since = time.monotonic()
        self._tell = tell
        self._source = source
        self._wanted = buffer
        self._again = again
        self._connect = connect or _open
        self._monitor: Monitor | None = None
        self._sequence: int | None = None

    @property
    def up(self) -> bool:
        """Whether events are being received."""
        return self._monitor is not None

    def start(self) -> None:
        """Listen. Call it before the host is read, so that no change is missed in between."""
        loop = asyncio.get_running_loop()
        try:
            monitor = self._connect(self._source)
            self.buffer = _enlarge(monitor, self._wanted)
            monitor.start()
        except (OSError, ImportError) as error:  # ImportError: no libudev
            self._fail(_plain(error))
            loop.call_later(self._again, self._restart)
            return
        self.failure = ""
        self._monitor = monitor
        self._sequence = None
        loop.add_reader(monitor.fileno(), self._drain)

    def close(self) -> None:
        """Stop listening."""
        if self._monitor is not None:
            self.silent_since = time.monotonic()
            asyncio.get_running_loop().remove_reader(self._monitor.fileno())
        self._monitor = self.buffer = None

    def _fail(self, why: str) -> None:
        if why != self.failure:
            _log.error("no uevents are received: %s; trying again every %g s", why, self._again)
        self.failure = why

    def _restart(self) -> None:
        self.start()
        if self.up:
            _log.warning("uevents are received again; reading the host")
            self._tell(LOST)  # events were missed; the answer is in doubt until the host is read

    def _drain(self) -> None:
        """Take up to `_BATCH` events. The loop calls again while there are more."""
        hint = NOTHING
        for _ in range(_BATCH):
            try:
                device = self._receive()
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self.overruns += 1
                    self._sequence = None
                    hint |= LOST
                    continue
                self.close()
                self._fail(_plain(error))
                asyncio.get_running_loop().call_later(self._again, self._restart)
                hint |= LOST
                break
            if device is None:
                break
            try:
                hint |= self._heard(device)
            except UnicodeDecodeError:  # a network interface may have any name
                hint |= EVERYTHING
        if hint is not NOTHING:
            self._tell(hint)

    def _receive(self) -> Event | None:
        assert self._monitor is not None, "it is drained while it is open"
        # Not poll(), which raises for ever after an overrun. pyudev's only public receive is
        # deprecated, and polls.
        return self._monitor._receive_device()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _heard(self, device: Event) -> Hint:
        subsystem = device.subsystem or ""
        ours = subsystem in COUNTED
        self.events[subsystem if ours else OTHER] += 1
        if self._source == "kernel":
            number = device.sequence_number
            if self._sequence is not None and number > self._sequence + 1:
                # This is only counted: the kernel numbers events of other network namespaces too.
                self.gaps += 1
            self._sequence = number
        return meaning(subsystem, device.action or "", device.device_path) if ours else NOTHING


def meaning(subsystem: str, action: str, path: str) -> Hint:
    """What one event may have changed (policy.md 7). `path` is the event's DEVPATH, below /sys."""
    name = path.rpartition("/")[2]
    comes_or_goes = action in {"add", "remove"}
    match subsystem:
        case "pci":
            return Hint(frozenset({name}), listings=comes_or_goes)
        case "iommu":
            return EVERYTHING
        case "module" if name.startswith(_MODULES):
            return PARAMETERS
        case "vfio":
            return LISTINGS  # a no-IOMMU group comes with its node
        case "vfio-dev":
            parents = [part for part in path.split("/") if parse_bdf(part)]
            return Hint(frozenset(parents[-1:])) if parents else LISTINGS
        case _ if subsystem in _BUSES and (comes_or_goes or action in {"bind", "unbind"}):
            return LISTINGS
        case _:
            return NOTHING


#: The subsystems whose events are counted by name. `OTHER` counts the events of all others.
COUNTED = ("pci", "iommu", "module", "vfio", "vfio-dev", *sorted(_BUSES))
OTHER = "other"


def _plain(error: OSError | ImportError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _open(source: str) -> Monitor:
    if source == "kernel" and not _sent_here():
        raise OSError(errno.EOPNOTSUPP, "the kernel sends none into this user namespace")
    untyped: Any = pyudev.Monitor  # pyright: ignore[reportUnknownMemberType]
    return cast("Monitor", untyped.from_netlink(pyudev.Context(), source=source))


def _sent_here() -> bool:
    """Whether the kernel sends uevents into our network namespace.

    It does if the initial user namespace owns ours (uevent_net_init(), lib/kobject_uevent.c). In
    any other network namespace a socket can be opened, but stays silent for ever.
    """
    with open("/proc/self/ns/net", "rb") as namespace:
        try:
            owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
        except OSError:
            return True  # an ancestor of our user namespace owns it, or Linux is before v4.9
    try:
        return os.fstat(owner).st_ino == _INITIAL
    finally:
        os.close(owner)


def _enlarge(monitor: Monitor, size: int) -> int:
    """Enlarge the receive buffer, to at most `size` bytes. Returns its size in bytes."""
    with suppress(OSError):  # SO_RCVBUFFORCE needs CAP_NET_ADMIN
        monitor.set_receive_buffer_size(size)
    with socket.socket(fileno=os.dup(monitor.fileno())) as duplicate:
        given = duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if given < size:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            given = duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return given
