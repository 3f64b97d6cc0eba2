"""The daemon's metrics as prometheus_client exposes them: text 0.0.4 and OpenMetrics 1.0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from vfioguard.metrics.family import Measured, shown
from vfioguard.output.prometheus import TEXT

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_END = b"# EOF\n"
#: What the encoders are chosen by. Our names need no escape, and to look at each of them for
#: `escaping=underscores` is a tenth of the exposition.
_ENCODERS = {False: TEXT, True: f"{OPENMETRICS}; escaping=allow-utf-8"}


class MeasuredCollector(Collector):
    """Collects the metrics that `measure` gives at each scrape."""

    def __init__(self, measure: Callable[[], Iterable[Measured]]) -> None:
        self._measure = measure

    def collect(self) -> Iterator[Metric]:
        """Give one metric after the other, so that the samples of one alone are held."""
        return map(_metric, self._measure())


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """Make a registry; the one of the whole process stays as it is."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def exposed(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """Expose all metrics of the registry; as OpenMetrics the text ends in `# EOF`."""
    encode, _ = choose_encoder(_ENCODERS[openmetrics])
    return encode(registry)


def beginning(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """Expose them without that end, for a text that another one follows."""
    return exposed(registry, openmetrics=openmetrics).removesuffix(_END)


def _metric(measured: Measured) -> Metric:
    family, samples = measured
    if family.kind == "info":
        info = InfoMetricFamily(family.name, family.help, labels=family.labels)
        for values, _ in samples:
            info.add_metric([shown(value) for value in values], {})
        return info
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(family.name, family.help, labels=family.labels, unit=family.unit)
    for values, number in samples:
        metric.add_metric([shown(value) for value in values], number)
    return metric
