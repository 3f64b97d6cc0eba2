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


class MeasuredCollector(Collector):
    """Collects what `measure` gives whenever it is asked."""

    def __init__(self, measure: Callable[[], Iterable[Measured]]) -> None:
        self._measure = measure

    def collect(self) -> Iterator[Metric]:
        """One metric at a time, so that no more than one is held."""
        return map(_metric, self._measure())


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """A registry of its own: nothing is registered for the whole process."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def exposed(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """The text of all metrics; as OpenMetrics it ends in `# EOF`."""
    encode, _ = choose_encoder(OPENMETRICS if openmetrics else TEXT)
    return encode(registry)


def beginning(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """The same without that end, for a text that another follows."""
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
