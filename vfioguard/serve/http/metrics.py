"""The metrics at /metrics: the Report's, exposed once for each change, and the daemon's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR

from vfioguard.metrics.family import Family, Measured, Sample, Table, by_label, measured, single
from vfioguard.metrics.of_report import of_report
from vfioguard.report import Report
from vfioguard.serve.answer.body import Body, whole
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.view import View
from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.http.exposition import MeasuredCollector, beginning, exposed, registry_of
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.typed import TypeAlias
from vfioguard.verdict import Outcome

#: Gives the metrics of a part of the daemon.
Counted: TypeAlias = Callable[[], Iterable[Measured]]

#: Requests that were answered, by route and status code.
Requests: TypeAlias = Mapping[tuple[str, int], int]


def report_metrics(view: View, *, openmetrics: bool) -> Body:
    """Expose the metrics of the Report; 0.2 s for 4,096 refused groups, so call it in a thread."""
    measure = MeasuredCollector(lambda: _of_report(view.report))
    return whole(beginning(registry_of(measure), openmetrics=openmetrics))


class DaemonMetrics:
    """The metrics of the daemon and of its process, which are exposed at each scrape.

    Each of `counted` gives the metrics of a part of the daemon.
    """

    def __init__(
        self, latest: Latest, requests: Requests, teller: ChangeTeller, counted: Sequence[Counted]
    ) -> None:
        def measure() -> Iterator[Measured]:
            return chain(
                measured(READINGS, latest),
                measured(REQUESTS, requests),
                *(part() for part in counted),
                measured(CHANGES, teller),
            )

        self._registry = registry_of(
            MeasuredCollector(measure), PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR
        )

    def text(self, *, openmetrics: bool) -> bytes:
        """Expose them; the text follows that of `report_metrics`, and ends OpenMetrics."""
        return exposed(self._registry, openmetrics=openmetrics)


def _of_report(report: Report) -> Iterator[Measured]:
    return chain(of_report(report), measured(HOLDERS, report))


def _held(report: Report) -> Iterable[Sample]:
    watched = [group for group in report.groups if group.holders is not None]
    held = Counter(group.outcome for group in watched if group.holders)
    return by_label({outcome: held[outcome] for outcome in Outcome}) if watched else ()


#: Only the daemon looks at other processes, so that a command's Report has no holders.
HOLDERS: Table[Report] = {
    Family(
        name="vfioguard_held_groups",
        kind="gauge",
        help="IOMMU groups that a process is seen to hold open now, by the headline. Absent where "
        "none is bound to a VFIO driver, and where the processes cannot be looked at.",
        labels=("outcome",),
    ): _held,
}


def _reasons(doubt: Doubt | None) -> Iterable[Sample]:
    return by_label(
        {reason: int(doubt is not None and doubt.reason is reason) for reason in Reason}
    )


READINGS: Table[Latest] = {
    Family(
        name="vfioguard_snapshot_timestamp_seconds",
        kind="gauge",
        help="When the host was last read, in Unix time. Absent before the first reading.",
        unit="seconds",
    ): lambda latest: single(latest.scan and latest.scan.taken_at),
    Family(
        name="vfioguard_snapshot_duration_seconds",
        kind="gauge",
        help="How long the last reading took, judging included.",
        unit="seconds",
    ): lambda latest: single(latest.scan and latest.scan.seconds),
    Family(
        name="vfioguard_snapshot_interval_seconds",
        kind="gauge",
        help="Time between two readings of the host: the shorter of interval and poll-interval.",
        unit="seconds",
    ): lambda latest: single(latest.interval),
    Family(
        name="vfioguard_snapshot_failures",
        kind="counter",
        help="Readings that failed as a whole.",
    ): lambda latest: single(latest.failures),
    Family(
        name="vfioguard_ready",
        kind="gauge",
        help="Whether the answers may be relied on: 0 before the first reading, after one that "
        "failed, while lost events have not been made up for, and when none came for three "
        "intervals.",
    ): lambda latest: single(int(latest.doubt() is None)),
    Family(
        name="vfioguard_unready",
        kind="gauge",
        help="Why the answers may not be relied on: 1 for the reason, 0 for all others. All are 0 "
        "while vfioguard_ready is 1.",
        labels=("reason",),
    ): lambda latest: _reasons(latest.doubt()),
}

REQUESTS: Table[Requests] = {
    Family(
        name="vfioguard_http_requests",
        kind="counter",
        help="HTTP requests by route and status.",
        labels=("handler", "code"),
    ): lambda requests: [
        ((handler, str(code)), number) for (handler, code), number in sorted(requests.items())
    ],
}

CHANGES: Table[ChangeTeller] = {
    Family(
        name="vfioguard_group_changes",
        kind="counter",
        help="Changes of groups, devices and the host by kind, since the daemon was started and "
        "against the state that it had kept.",
        labels=("kind",),
    ): lambda teller: by_label(teller.counts),
    Family(
        name="vfioguard_event_streams",
        kind="gauge",
        help="Clients that follow /v1/events now.",
    ): lambda teller: single(teller.hub.streams),
    Family(
        name="vfioguard_event_resets",
        kind="counter",
        help="Times that a client of /v1/events had missed changes and was told to read anew.",
    ): lambda teller: single(teller.hub.resets),
    Family(
        name="vfioguard_state_kept",
        kind="gauge",
        help="Whether the state could be written for the next start. Absent without a directory "
        "for it.",
    ): lambda teller: single(None if teller.kept is None else int(teller.kept)),
}
