"""The Report as metrics in Prometheus' text format 0.0.4, for the textfile collector.

Rendered here, as a command imports no prometheus_client; the daemon's /metrics is rendered by it.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.metrics.family import Measured, shown
from vfioguard.metrics.of_report import of_report
from vfioguard.output import Output, Style
from vfioguard.report import Report

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_SUFFIXES = {"gauge": "", "counter": "_total", "info": "_info"}
_TYPES = {"gauge": "gauge", "counter": "counter", "info": "gauge"}


def render(measured: Measured) -> str:
    """One metric as text."""
    family = measured.family
    name = family.name + _SUFFIXES[family.kind]
    lines = [f"# HELP {name} {family.help}\n", f"# TYPE {name} {_TYPES[family.kind]}\n"]
    for values, number in measured.samples:
        pairs = zip(family.labels, values, strict=True)
        labels = ",".join([f'{label}="{_escape(value)}"' for label, value in pairs])
        lines.append(f"{name}{{{labels}}} {number}\n" if labels else f"{name} {number}\n")
    return "".join(lines)


def _escape(value: str) -> str:
    if value.isalnum() and value.isascii():
        return value
    return shown(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _parts(report: Report, _style: Style) -> Iterator[str]:
    return (render(measured) for measured in of_report(report))


OUTPUT = Output(TEXT, _parts)
