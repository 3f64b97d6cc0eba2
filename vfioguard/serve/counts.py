"""What the daemon's senses and its reader have counted, as metrics."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import printable
from vfioguard.output.prometheus import Family, labels_of
from vfioguard.serve.connection.connections import REASONS, Connections, Pool
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.senses.kmsg import LogFollower
from vfioguard.serve.senses.senses import Senses
from vfioguard.serve.senses.uevents import COUNTED, OTHER, Watcher


def of_senses(senses: Senses) -> Iterator[Family]:
    """Uevents and the kernel's log; nothing of what is not followed."""
    if senses.watcher is not None:
        yield from _of_watcher(senses.watcher)
    if senses.kmsg is not None and senses.kmsg.following:
        yield from _of_log(senses.kmsg)


def _of_watcher(watcher: Watcher) -> Iterator[Family]:
    yield Family(
        "vfioguard_watcher_up",
        "gauge",
        "Whether uevents are being received.",
        [((), int(watcher.up))],
    )
    yield Family(
        "vfioguard_uevents",
        "counter",
        "Uevents received, by subsystem; those of no concern together.",
        [((("subsystem", name),), watcher.events[name]) for name in (*COUNTED, OTHER)],
    )
    yield Family(
        "vfioguard_uevent_overruns",
        "counter",
        "Times the kernel dropped uevents as the socket was full; the host was read anew.",
        [((), watcher.overruns)],
    )
    yield Family(
        "vfioguard_uevent_gaps",
        "counter",
        "Numbers that uevents skipped: some of them are of other network namespaces.",
        [((), watcher.gaps)],
    )
    yield Family(
        "vfioguard_uevent_buffer_bytes",
        "gauge",
        "The socket's receive buffer; some 1,300 bytes are one uevent.",
        [((), watcher.buffer)] if watcher.buffer is not None else [],
        "bytes",
    )


def _of_log(log: LogFollower) -> Iterator[Family]:
    yield Family(
        "vfioguard_iommu_faults",
        "counter",
        "Faults that the IOMMU's driver logged, by device; empty where it named none, and beyond "
        "256 devices.",
        [(labels_of(name), number) for name, number in sorted(log.faults.items())],
    )
    yield Family(
        "vfioguard_refused_attaches",
        "counter",
        "Attaches that VFIO's type1 refused for lack of isolation, by the kernel's log.",
        [((), log.refused)],
    )


def of_reader(reader: HostReader) -> Iterator[Family]:
    """How the host was read."""
    yield Family(
        "vfioguard_snapshots",
        "counter",
        "Readings of the host: full, of its listings, or of single devices.",
        [((("kind", kind),), number) for kind, number in reader.readings.items()],
    )
    yield Family(
        "vfioguard_reconcile_mismatches",
        "counter",
        "Groups that were followed to another state than a full reading found. Anything but 0 is "
        "a bug.",
        [((), reader.mismatches)],
    )
    patience = reader.patience
    yield Family(
        "vfioguard_reads_given_up",
        "counter",
        "Reads of the host that did not return in time and were given up.",
        [((), patience.given_up)],
    )
    yield Family(
        "vfioguard_read_hangs",
        "gauge",
        "Paths that are left out as a read of them has not returned yet.",
        [
            ((("path", printable(path)),), 1)
            for path in sorted({*patience.hung, *patience.elsewhere})
        ],
    )


def of_connections(connections: Connections) -> Iterator[Family]:
    """What was closed on clients. A stream counts with the listener that it came over."""
    dropped = connections.dropped
    pools = {"tcp": (Pool.TCP, Pool.TCP_STREAM), "unix": (Pool.UNIX, Pool.UNIX_STREAM)}
    yield Family(
        "vfioguard_http_connections_dropped",
        "counter",
        "Connections closed on the client, by listener and reason: full (no room), pushed (to make "
        "room), slow (a deadline), tls (no agreement) or malformed (no request).",
        [
            ((("listener", name), ("reason", reason)), sum(dropped[pool, reason] for pool in both))
            for name, both in pools.items()
            for reason in REASONS
        ],
    )
