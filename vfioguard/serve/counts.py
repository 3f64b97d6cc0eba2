"""What the daemon's senses, its reader and its connections have counted, as metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.fact import printable
from vfioguard.metrics import addresses
from vfioguard.metrics.family import Family, Measured, Sample, Table, by_label, measured, single
from vfioguard.serve.connection.connections import REASONS, Connections, Pool
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.senses.kmsg import LogFollower
from vfioguard.serve.senses.senses import Senses
from vfioguard.serve.senses.uevents import COUNTED, OTHER, Watcher


def of_senses(senses: Senses) -> Iterator[Measured]:
    """The metrics of uevents and of the kernel's log, where the daemon follows them."""
    if senses.watcher is not None:
        yield from measured(UEVENTS, senses.watcher)
    if senses.kmsg is not None and senses.kmsg.following:
        yield from measured(LOG, senses.kmsg)


def of_reader(reader: HostReader) -> Iterator[Measured]:
    """The metrics of how the host was read."""
    return measured(READER, reader)


def of_connections(connections: Connections) -> Iterator[Measured]:
    """The metrics of the connections that the daemon closed."""
    return measured(CONNECTIONS, connections)


def _dropped(connections: Connections) -> Iterable[Sample]:
    """A stream counts with the listener that it came over, and a probe came over TCP."""
    dropped = connections.dropped
    pools = {"tcp": (Pool.TCP, Pool.TCP_STREAM, Pool.PROBE), "unix": (Pool.UNIX, Pool.UNIX_STREAM)}
    return [
        ((listener, reason), sum(dropped[pool, reason] for pool in over))
        for listener, over in pools.items()
        for reason in REASONS
    ]


def _hangs(reader: HostReader) -> Iterable[Sample]:
    patience = reader.patience
    return [((printable(path),), 1) for path in sorted({*patience.hung, *patience.elsewhere})]


UEVENTS: Table[Watcher] = {
    Family(
        name="vfioguard_watcher_up",
        kind="gauge",
        help="Whether uevents are being received.",
    ): lambda watcher: single(int(watcher.up)),
    Family(
        name="vfioguard_uevents",
        kind="counter",
        help="Uevents received, by subsystem; those of no concern together.",
        labels=("subsystem",),
    ): lambda watcher: by_label(
        {subsystem: watcher.events[subsystem] for subsystem in (*COUNTED, OTHER)}
    ),
    Family(
        name="vfioguard_uevent_overruns",
        kind="counter",
        help="Times the kernel dropped uevents as the socket was full; the host was read anew.",
    ): lambda watcher: single(watcher.overruns),
    Family(
        name="vfioguard_uevent_gaps",
        kind="counter",
        help="Numbers that uevents skipped: some of them are of other network namespaces.",
    ): lambda watcher: single(watcher.gaps),
    Family(
        name="vfioguard_uevent_buffer_bytes",
        kind="gauge",
        help="The socket's receive buffer; some 1,300 bytes are one uevent.",
        unit="bytes",
    ): lambda watcher: single(watcher.buffer),
}

LOG: Table[LogFollower] = {
    Family(
        name="vfioguard_iommu_faults",
        kind="counter",
        help="Faults that the IOMMU's driver logged, by device; empty where it named none, and "
        "beyond 256 devices.",
        labels=addresses.LABELS,
    ): lambda log: [
        (addresses.address(name), number) for name, number in sorted(log.faults.items())
    ],
    Family(
        name="vfioguard_refused_attaches",
        kind="counter",
        help="Attaches that VFIO's type1 refused for lack of isolation, by the kernel's log.",
    ): lambda log: single(log.refused),
}

READER: Table[HostReader] = {
    Family(
        name="vfioguard_snapshots",
        kind="counter",
        help="Readings of the host: full, of its listings, or of single devices.",
        labels=("kind",),
    ): lambda reader: by_label(reader.readings),
    Family(
        name="vfioguard_reconcile_mismatches",
        kind="counter",
        help="Groups that were followed to another state than a full reading found. Anything but "
        "0 is a bug.",
    ): lambda reader: single(reader.mismatches),
    Family(
        name="vfioguard_reads_given_up",
        kind="counter",
        help="Reads of the host that did not return in time and were given up.",
    ): lambda reader: single(reader.patience.given_up),
    Family(
        name="vfioguard_read_hangs",
        kind="gauge",
        help="Paths that are left out as a read of them has not returned yet.",
        labels=("path",),
    ): _hangs,
}

CONNECTIONS: Table[Connections] = {
    Family(
        name="vfioguard_http_connections_dropped",
        kind="counter",
        help="Connections closed on the client, by listener and reason: full (no room), pushed (to "
        "make room), slow (a deadline), tls (no agreement) or malformed (no request).",
        labels=("listener", "reason"),
    ): _dropped,
}
