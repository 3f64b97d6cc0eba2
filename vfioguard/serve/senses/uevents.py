"""Uevents: pyudev's Monitor, drained so that it survives what a netlink socket does to its reader.

A full socket drops events and says so once, with ENOBUFS at a receive. Monitor.poll() fails for
ever after that, as the descriptor stays in error until a receive has taken it (pyudev#194), so only
the receive call is used, until it has nothing more. What was lost is found by reading the host.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

import pyudev  # pyright: ignore[reportMissingTypeStubs]

from vfioguard.bdf import parse_bdf
from vfioguard.serve.senses.hint import EVERYTHING, LISTINGS, LOST, NOTHING, PARAMETERS, Hint

#: What is asked for, as udevd does for itself; without CAP_NET_ADMIN net.core.rmem_max bounds it.
BUFFER = 128 << 20
#: Events that are taken in one go, in some 5 ms, so that a flood does not hold the loop up.
_BATCH = 64
#: Seconds before a socket that failed is made anew.
_AGAIN = 5.0
#: Modules whose parameters decide, or that bring a way to attach.
_MODULES = ("vfio", "iommufd")
#: Buses whose devices can be members of IOMMU groups, beside PCI (policy.md 1.4).
_BUSES = frozenset({"platform", "amba", "fsl-mc", "cdx", "mdev", "ap", "ccw", "acpi"})

#: include/uapi/linux/nsfs.h (v4.9).
_NS_GET_USERNS = 0xB701
#: The initial user namespace: PROC_USER_INIT_INO, include/linux/proc_ns.h.
_INITIAL = 0xEFFFFFFD

_log = logging.getLogger("vfioguard")


class Event(Protocol):
    """What is used of pyudev.Device."""

    subsystem: str | None
    action: str | None
    device_path: str
    sequence_number: int


class Monitor(Protocol):
    """What is used of pyudev.Monitor, which has no types."""

    def start(self) -> None: ...
    def fileno(self) -> int: ...
    def set_receive_buffer_size(self, size: int) -> None: ...
    def _receive_device(self) -> Event | None: ...


class Watcher:
    """Follows the kernel's events and tells what may have changed.

    `source` is "kernel", which works in any network namespace of the initial user namespace, or
    "udev", udevd's rebroadcast. The counters only grow; `buffer` is in bytes, None while closed.
    `connect` makes a monitor of a source, `again` are the seconds after which it is tried anew.
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
        #: Why no events are received, "" where they are.
        self.failure = "not yet listened for"
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
        """Listen; call it before the host is read, so that no change falls in between."""
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
            self._tell(LOST)  # what was said meanwhile; the answer is in doubt until it was read

    def _drain(self) -> None:
        """Take what there is; the loop calls again while there is more."""
        found = NOTHING
        for _ in range(_BATCH):
            try:
                device = self._receive()
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self.overruns += 1
                    self._sequence = None
                    found |= LOST
                    continue
                self.close()
                self._fail(_plain(error))
                asyncio.get_running_loop().call_later(self._again, self._restart)
                found |= LOST
                break
            if device is None:
                break
            try:
                found |= self._heard(device)
            except UnicodeDecodeError:  # who names network interfaces may name them anything
                found |= EVERYTHING
        if found is not NOTHING:
            self._tell(found)

    def _receive(self) -> Event | None:
        assert self._monitor is not None, "it is drained while it is open"
        # Not poll(), which raises for ever after an overrun; pyudev has no public receive but one
        # that is deprecated and polls.
        return self._monitor._receive_device()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _heard(self, device: Event) -> Hint:
        subsystem = device.subsystem or ""
        ours = subsystem in COUNTED
        self.events[subsystem if ours else OTHER] += 1
        if self._source == "kernel":
            number = device.sequence_number
            if self._sequence is not None and number > self._sequence + 1:
                # A hint alone: the kernel numbers events of other network namespaces too.
                self.gaps += 1
            self._sequence = number
        return meaning(subsystem, device.action or "", device.device_path) if ours else NOTHING


def meaning(subsystem: str, action: str, path: str) -> Hint:
    """What one event may have changed (policy.md 7). `path` is its DEVPATH, below /sys."""
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
            return LISTINGS  # no-IOMMU groups come with their node
        case "vfio-dev":
            parents = [part for part in path.split("/") if parse_bdf(part)]
            return Hint(frozenset(parents[-1:])) if parents else LISTINGS
        case _ if subsystem in _BUSES and (comes_or_goes or action in {"bind", "unbind"}):
            return LISTINGS
        case _:
            return NOTHING


#: Subsystems that are counted by name, and what all others are counted as.
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

    It does where the initial user namespace owns it (uevent_net_init(), lib/kobject_uevent.c);
    anywhere else a socket opens, and stays silent for ever.
    """
    with open("/proc/self/ns/net", "rb") as namespace:
        try:
            owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
        except OSError:
            return True  # out of our sight, as the initial one is from another; or before v4.9
    try:
        return os.fstat(owner).st_ino == _INITIAL
    finally:
        os.close(owner)


def _enlarge(monitor: Monitor, size: int) -> int:
    """Make the receive buffer as large as permitted; returns what the kernel gave, in bytes."""
    with suppress(OSError):  # SO_RCVBUFFORCE needs CAP_NET_ADMIN
        monitor.set_receive_buffer_size(size)
    with socket.socket(fileno=os.dup(monitor.fileno())) as one:
        given = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if given < size:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            given = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return given
