"""What only the daemon knows: when the host was read, what was asked for, and its own process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from vfioguard.output.prometheus import OPENMETRICS, TEXT, Family, render
from vfioguard.serve.latest import Latest


def tail(latest: Latest, requests: Mapping[tuple[str, int], int], *, openmetrics: bool) -> bytes:
    """What follows the Report's metrics; it differs at every scrape. Ends OpenMetrics.

    `requests` counts by route and status code.
    """
    own = render(_families(latest, requests), openmetrics=openmetrics).encode()
    # A dozen families without a series per group: 0.2 ms.
    encode, _ = choose_encoder(OPENMETRICS if openmetrics else TEXT)
    return own + encode(REGISTRY)


def _families(latest: Latest, requests: Mapping[tuple[str, int], int]) -> Iterator[Family]:
    scan = latest.scan
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
        "and when none came for three intervals.",
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
