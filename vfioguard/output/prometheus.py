"""The Report as metrics: Prometheus text 0.0.4, and OpenMetrics 1.0 by the same families.

It is rendered here: prometheus_client's generate_latest takes 2.2 times as long for 4,096 refused
groups. Join labels are node_exporter's own (collector/pcidevice_linux.go): segment, bus, device,
function.

https://prometheus.io/docs/instrumenting/exposition_formats/
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from vfioguard import __version__
from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.output import Output, Style
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, Verdict, severity

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

#: The most series of one metric: 4,096 devices under two backends.
MAX_SERIES = 8192

Labels: TypeAlias = "tuple[tuple[str, str], ...]"

#: The places of evidence that metrics name. A label for each gap would make a series for each
#: broken device.
_EVIDENCE = (
    "/boot",
    "/dev/kmsg",
    "/proc/cmdline",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/sys/bus/pci/devices",
    "/sys/class/iommu",
    "/sys/firmware",
    "/sys/kernel/debug",
    "/sys/kernel/iommu_groups",
    "/sys/kernel/irq",
    "/sys/module",
)
_OTHER = "other"


class Family(NamedTuple):
    """A gauge, counter or info, as `kind` says; `name` ends in `unit`, not in _total or _info."""

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Labels, float]]
    unit: str = ""


def _gauge(name: str, text: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name=name, kind="gauge", help=text, samples=samples)


def _info(name: str, text: str, labels: Labels) -> Family:
    return Family(name=name, kind="info", help=text, samples=[(labels, 1)])


def render(families: Iterable[Family], *, openmetrics: bool) -> str:
    """The families as text. For OpenMetrics the caller must add `# EOF` after the last family."""
    lines: list[str] = []
    for family in families:
        sample = family.name + {"counter": "_total", "info": "_info"}.get(family.kind, "")
        described = family.name if openmetrics else sample
        kind = "gauge" if family.kind == "info" and not openmetrics else family.kind
        lines += (f"# HELP {described} {family.help}\n", f"# TYPE {described} {kind}\n")
        if openmetrics and family.unit:
            lines.append(f"# UNIT {described} {family.unit}\n")
        for labels, value in family.samples:
            shown = ",".join([f'{name}="{_escape(text)}"' for name, text in labels])
            lines.append(f"{sample}{{{shown}}} {value}\n" if shown else f"{sample} {value}\n")
    return "".join(lines)


def _escape(text: str) -> str:
    """A label's value, escaped; surrogates, which no scraper takes, become backslash escapes."""
    if text.isalnum() and text.isascii():
        return text
    valid = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return valid.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def families(report: Report, limit: int = MAX_SERIES) -> Iterator[Family]:
    """Every metric of the Report, with at most `limit` series. An unknown count is left out."""
    yield from _about(report)
    yield from _overrides(report)
    yield _findings(report)
    gap = report.groups_read
    if gap is None or gap.why == "absent":
        yield from _counts(report)
        yield from _needs(report, limit)
    yield _gauge(
        "vfioguard_devices_without_group",
        "PCI functions in no IOMMU group.",
        [((), len(report.ungrouped))],
    )


def _about(report: Report) -> Iterator[Family]:
    host = report.host
    yield _info("vfioguard_build", "The version of vfioguard.", (("version", __version__),))
    about = (
        ("kernel", host.kernel or ""),
        ("arch", host.arch or ""),
        ("policy", host.pinned or ",".join(host.policies_in_force)),
        ("iommu", ",".join(host.iommu)),
    )
    yield _info("vfioguard_host", "The host and what decides on it.", about)
    # A gap without an errno: the reader chose not to read (a sleeping device), or could not parse.
    unreadable = {_source(g.source) for g in report.gaps if g.errno or g.why == "malformed"}
    yield _gauge(
        "vfioguard_evidence_readable",
        "0 where something at or below this path exists and could not be read. "
        "What is absent, or was not needed, counts as readable.",
        [((("source", source),), int(source not in unreadable)) for source in (*_EVIDENCE, _OTHER)],
    )


def _findings(report: Report) -> Family:
    kinds = sorted({(finding.name, finding.severity) for finding in report.findings})
    return _gauge(
        "vfioguard_finding",
        "1 for each kind of finding about this host; the report says what and why.",
        [((("finding", name), ("severity", severity)), 1) for name, severity in kinds],
    )


def _source(path: str) -> str:
    return next((s for s in _EVIDENCE if path == s or path.startswith(f"{s}/")), _OTHER)


def _overrides(report: Report) -> Iterator[Family]:
    yield _gauge(
        "vfioguard_override_enabled",
        "Whether the parameter is set. Absent where its module is not loaded or it is unreadable.",
        [
            ((("parameter", override.name),), int(override.value))
            for override in report.overrides
            if override.value is not None
        ],
    )
    yield _gauge(
        "vfioguard_override_pending",
        "Whether loading the module, which is not loaded, would set the parameter.",
        [
            ((("parameter", override.name),), int(override.pending))
            for override in report.overrides
            if override.value is None and override.pending is not None
        ],
    )


def _counts(report: Report) -> Iterator[Family]:
    series, headlines = _Tally(), _Tally()
    for group in report.groups:
        series.add(group.series)
        headlines.add(group.headline)
    yield _gauge(
        "vfioguard_groups",
        "IOMMU groups by what the kernel would answer to an attach through the backend. "
        "All zero where this kernel does not have the backend.",
        _by_backend(report.groups),
    )
    yield _gauge(
        "vfioguard_bound_groups",
        "The same of those IOMMU groups alone that have a member bound to a VFIO driver.",
        _by_backend([group for group in report.groups if group.on_vfio]),
    )
    yield _gauge(
        "vfioguard_headline_groups",
        "IOMMU groups by the worst answer of the backends, or by the policy that was asked for.",
        headlines.samples(),
    )
    yield _gauge(
        "vfioguard_series_groups",
        "IOMMU groups by the vfio_safe_irq_domain series of 2016.",
        series.samples(),
    )
    yield _gauge(
        "vfioguard_series_disagreements",
        "IOMMU groups of which the series of 2016 says otherwise than the headline.",
        [((), sum(group.agrees is False for group in report.groups))],
    )


def _by_backend(groups: Iterable[GroupReport]) -> list[tuple[Labels, float]]:
    tallies = {"type1": _Tally(), "iommufd": _Tally()}
    for group in groups:
        for name, verdict in group.backends:
            if verdict is not None:
                tallies.setdefault(name, _Tally()).add(verdict)
    return [
        ((("backend", name), *labels), count)
        for name, tally in tallies.items()
        for labels, count in tally.samples()
    ]


class _Tally:
    """Counts by outcome, zero included."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Outcome, 0)

    def add(self, verdict: Verdict) -> None:
        self._counts[verdict.outcome] += 1

    def samples(self) -> list[tuple[Labels, float]]:
        return [((("outcome", outcome),), count) for outcome, count in self._counts.items()]


def _needs(report: Report, limit: int) -> Iterator[Family]:
    judged = [(group, _deciding(report, group)) for group in report.groups]
    needs = [(group, _need([verdict for _, verdict in verdicts])) for group, verdicts in judged]
    needed = None if any(n is None for _, n in needs) else False
    needed = True if any(n for _, n in needs) else needed
    yield _gauge(
        "vfioguard_override_needed",
        "Whether any group is refused without the override. Absent where that is not known.",
        [] if needed is None else [((), int(needed))],
    )
    yield _gauge(
        "vfioguard_groups_exposed",
        "IOMMU groups known to need the override, and bound to a VFIO driver or held open now.",
        [((), sum(bool(need and (group.on_vfio or group.holders)) for group, need in needs))],
    )
    refused = [
        (group, name, verdict)
        for group, verdicts in judged
        for name, verdict in verdicts
        if verdict.outcome is not Outcome.ALLOWED
    ]
    # The worst come first, so that a cut leaves out the least bad.
    refused.sort(key=lambda entry: -severity(entry[2].outcome))
    samples = [
        ((("group", str(group.id)), ("backend", name), ("outcome", verdict.outcome), *address), 1)
        for group, name, verdict in refused
        for address in _addresses(group)
    ]
    yield _gauge(
        "vfioguard_group_needs_override",
        "1 for every PCI function of every group that is not known to be allowed with the "
        "override off, and one without an address for its other members.",
        samples[:limit],
    )
    yield _gauge(
        "vfioguard_dropped_series",
        "Series that were cut from vfioguard_group_needs_override.",
        [((), max(0, len(samples) - limit))],
    )


def _deciding(report: Report, group: GroupReport) -> list[tuple[str, Verdict]]:
    """The verdicts of the backends; the headline if there are none, or if a policy is pinned."""
    verdicts = [(name, verdict) for name, verdict in group.backends if verdict is not None]
    return [("", group.headline)] if report.host.pinned or not verdicts else verdicts


def _need(verdicts: list[Verdict]) -> bool | None:
    needs = {verdict.needs_override for verdict in verdicts}
    return True if True in needs else None if None in needs else False


def _addresses(group: GroupReport) -> Iterator[Labels]:
    """node_exporter's labels of each PCI member; all other members share one set of empty ones."""
    addresses = [parse_bdf(d.name) if d.bus == "pci" else None for d in group.devices]
    yield from (_labels(bdf) for bdf in addresses if bdf is not None)
    if not addresses or None in addresses:
        yield labels_of("")


def labels_of(name: str) -> Labels:
    """node_exporter's labels of the PCI function with this address; empty ones for other names."""
    bdf = parse_bdf(name)
    if bdf is None:
        return (("segment", ""), ("bus", ""), ("device", ""), ("function", ""))
    return _labels(bdf)


def _labels(bdf: Bdf) -> Labels:
    return (
        ("segment", f"{bdf.domain:04x}"),
        ("bus", f"{bdf.bus:02x}"),
        ("device", f"{bdf.device:02x}"),
        ("function", f"{bdf.function:x}"),
    )


def _parts(report: Report, _style: Style) -> Iterator[str]:
    return (render([family], openmetrics=False) for family in families(report))


OUTPUT = Output(TEXT, _parts)
