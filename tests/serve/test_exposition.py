"""What prometheus_client makes of our tables; the textfile must say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from vfioguard.judging.evaluate import evaluate
from vfioguard.metrics.family import Family, Table, measured
from vfioguard.metrics.of_report import of_report
from vfioguard.output import Style
from vfioguard.output.prometheus import OUTPUT
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root
from vfioguard.serve.http.exposition import MeasuredCollector, beginning, exposed, registry_of

HOSTS = sorted((Path(__file__).parent.parent / "fixtures" / "sysfs").iterdir())


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_the_daemon_and_the_textfile_tell_the_same(host: Path) -> None:
    report = evaluate(take(open_root(str(host / "as-booted.tar.xz"))), "now")
    registry = registry_of(MeasuredCollector(lambda: of_report(report)))
    text = exposed(registry, openmetrics=False).decode()
    textfile = list(text_string_to_metric_families(OUTPUT.render(report, Style())))
    assert list(text_string_to_metric_families(text)) == textfile
    families = openmetrics_parser.text_string_to_metric_families(
        exposed(registry, openmetrics=True).decode()
    )
    assert [as_in_text(family) for family in families] == textfile


def as_in_text(family: Metric) -> Metric:
    """The metric as the text format, which has neither infos nor units, would give it."""
    info = family.type == "info"
    name = f"{family.name}_info" if info else family.name
    seen = Metric(name, family.documentation, "gauge" if info else family.type)
    seen.samples = family.samples
    return seen


TABLE: Table[str] = {
    Family(name="a_seconds", kind="counter", help="A.", unit="seconds"): lambda _: [((), 1.5)],
    Family(name="b", kind="info", help="B.", labels=("v",)): lambda _: [(("1",), 1)],
    Family(name="c", kind="gauge", help="C.", labels=("last",)): lambda text: [((text,), 7)],
}


def test_counters_infos_and_units_are_named_as_each_format_wants_it() -> None:
    registry = registry_of(MeasuredCollector(lambda: measured(TABLE, "x")))
    assert exposed(registry, openmetrics=False).decode() == (
        "# HELP a_seconds_total A.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n"
        '# HELP b_info B.\n# TYPE b_info gauge\nb_info{v="1"} 1.0\n'
        '# HELP c C.\n# TYPE c gauge\nc{last="x"} 7.0\n'
    )
    openmetrics = (
        "# HELP a_seconds A.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
        'a_seconds_total 1.5\n# HELP b B.\n# TYPE b info\nb_info{v="1"} 1.0\n'
        '# HELP c C.\n# TYPE c gauge\nc{last="x"} 7.0\n'
    )
    assert beginning(registry, openmetrics=True).decode() == openmetrics
    assert exposed(registry, openmetrics=True).decode() == f"{openmetrics}# EOF\n"


@given(st.text(st.characters(codec=None)))
def test_any_label_survives_the_way_to_prometheus(value: str) -> None:
    registry = registry_of(MeasuredCollector(lambda: measured(TABLE, value)))
    escaped = value.encode("utf-8", "backslashreplace").decode()
    text, openmetrics = (
        exposed(registry, openmetrics=openmetrics).decode() for openmetrics in (False, True)
    )
    *_, last = text_string_to_metric_families(text)
    assert last.samples[0].labels == {"last": escaped}
    *_, last = openmetrics_parser.text_string_to_metric_families(openmetrics)
    assert last.samples[0].labels == {"last": escaped}
