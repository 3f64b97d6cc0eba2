"""What only the daemon knows: when the host was read, what was asked for, and its own process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeAlias

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from vfioguard.output.prometheus import OPENMETRICS, TEXT, Family, render
from vfioguard.report import Report
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.telling.change_teller import Follow
from vfioguard.verdict import Outcome

#: What gives the metrics of a part of the daemon.
Counted: TypeAlias = Callable[[], Iterable[Family]]


def tail(
    latest: Latest,
    requests: Mapping[tuple[str, int], int],
    follow: Follow,
    counted: Iterable[Counted],
    *,
    openmetrics: bool,
) -> bytes:
    """What follows the Report's metrics; it differs at every scrape. Ends OpenMetrics.

    `requests` counts by route and status code.
    """
    own = render(
        chain(_families(latest, requests), *(part() for part in counted), _followed(follow)),
        openmetrics=openmetrics,
    ).encode()
    # A dozen families without a series per group: 0.2 ms.
    encode, _ = choose_encoder(OPENMETRICS if openmetrics else TEXT)
    return own + encode(REGISTRY)


def _followed(follow: Follow) -> Iterator[Family]:
    yield Family(
        "vfioguard_group_changes",
        "counter",
        "Changes of groups, devices and the host by kind, since the daemon was started and against "
        "the state that it had kept.",
        [((("kind", kind),), number) for kind, number in follow.counts.items()],
    )
    yield Family(
        "vfioguard_event_streams",
        "gauge",
        "Clients that follow /v1/events now.",
        [((), follow.hub.streams)],
    )
    yield Family(
        "vfioguard_event_resets",
        "counter",
        "Times that a client of /v1/events had missed changes and was told to read anew.",
        [((), follow.hub.resets)],
    )
    yield Family(
        "vfioguard_state_kept",
        "gauge",
        "Whether the state could be written for the next start. Absent without a directory for it.",
        [] if follow.kept is None else [((), int(follow.kept))],
    )


def _held(report: Report | None) -> Iterator[Family]:
    looked = [group for group in report.groups if group.holders is not None] if report else []
    held = Counter(group.outcome for group in looked if group.holders)
    yield Family(
        "vfioguard_held_groups",
        "gauge",
        "IOMMU groups that a process is seen to hold open now, by the headline. Absent where none "
        "is bound to a VFIO driver, and where the processes cannot be looked at.",
        [((("outcome", outcome),), held[outcome]) for outcome in Outcome] if looked else [],
    )


def _families(latest: Latest, requests: Mapping[tuple[str, int], int]) -> Iterator[Family]:
    scan = latest.scan
    yield from _held(scan.report if scan else None)
    yield Family(
        "vfioguard_snapshot_timestamp_seconds",
        "gauge",
        "When the host was last read, in Unix time. Absent before the first reading.",
        [((), scan.taken_at)] if scan else [],
        "seconds",
    )
    yield Family(
        "vfioguard_snapshot_duration_seconds",
        "gauge",
        "How long the last reading took, judging included.",
        [((), scan.seconds)] if scan else [],
        "seconds",
    )
    yield Family(
        "vfioguard_snapshot_failures",
        "counter",
        "Readings that failed as a whole.",
        [((), latest.failures)],
    )
    yield Family(
        "vfioguard_ready",
        "gauge",
        "Whether the answers may be relied on: 0 before the first reading, after one that failed, "
        "while lost events have not been made up for, and when none came for three intervals.",
        [((), int(latest.unready() is None))],
    )
    yield Family(
        "vfioguard_http_requests",
        "counter",
        "HTTP requests by route and status.",
        [
            ((("handler", handler), ("code", str(code))), number)
            for (handler, code), number in sorted(requests.items())
        ],
    )
