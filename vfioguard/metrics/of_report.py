"""Every metric that a Report knows. A count that it cannot know is left out, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vfioguard import __version__
from vfioguard.metrics import addresses
from vfioguard.metrics.attaches import BLOCKED, NEEDS_OVERRIDE, Attaches
from vfioguard.metrics.family import Family, Measured, Sample, Table, by_label, measured, single
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, Verdict

#: Series of one metric at most: 4,096 devices under two backends.
MAX_SERIES = 8192

#: Where evidence is read. A label per gap would be a series per broken device.
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


def of_report(report: Report, limit: int = MAX_SERIES) -> Iterator[Measured]:
    """The rows of a Report; without those about groups where the groups could not be listed.

    `limit` is how many series a metric about single groups may have.
    """
    gap = report.groups_read
    listed = gap is None or gap.why == "absent"
    about_groups = measured(GROUPS, Attaches(report, limit)) if listed else ()
    return chain(measured(HOST, report), about_groups)


def _policies(report: Report) -> Iterable[Sample]:
    host = report.host
    if host.pinned is not None:
        return [((backend, host.pinned), 1) for backend in host.counting]
    in_force = {
        (policy.backend or "", policy.name) for policy in report.policies if policy.in_force
    }
    return [(labels, 1) for labels in sorted(in_force)]


def _evidence(report: Report) -> Iterable[Sample]:
    # Without an errno the reader chose not to read (a sleeping device), or understood nothing.
    unreadable = {_place(g.source) for g in report.gaps if g.errno or g.why == "malformed"}
    return by_label({place: int(place not in unreadable) for place in (*_EVIDENCE, _OTHER)})


def _place(path: str) -> str:
    return next(
        (place for place in _EVIDENCE if path == place or path.startswith(f"{place}/")), _OTHER
    )


def _enabled(report: Report) -> Iterable[Sample]:
    return [((o.name,), int(o.value)) for o in report.overrides if o.value is not None]


def _pending(report: Report) -> Iterable[Sample]:
    return [
        ((override.name,), int(override.pending))
        for override in report.overrides
        if override.value is None and override.pending is not None
    ]


def _findings(report: Report) -> Iterable[Sample]:
    kinds = sorted({(finding.name, finding.severity) for finding in report.findings})
    return [(kind, 1) for kind in kinds]


def _outcomes(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """How many verdicts have each outcome, zero included."""
    numbers: dict[str, float] = dict.fromkeys(Outcome, 0)
    for verdict in verdicts:
        numbers[verdict.outcome] += 1
    return numbers


def _by_backend(groups: Iterable[GroupReport]) -> Iterable[Sample]:
    verdicts: dict[str, list[Verdict]] = {"type1": [], "iommufd": []}
    for group in groups:
        for backend, verdict in group.backends:
            if verdict is not None:
                verdicts.setdefault(backend, []).append(verdict)
    return [
        ((backend, outcome), number)
        for backend, answers in verdicts.items()
        for outcome, number in _outcomes(answers).items()
    ]


HOST: Table[Report] = {
    Family(
        name="vfioguard_build",
        kind="info",
        help="The version of vfioguard.",
        labels=("version",),
    ): lambda _: [((__version__,), 1)],
    Family(
        name="vfioguard_host",
        kind="info",
        help="The host's kernel and architecture.",
        labels=("kernel", "arch"),
    ): lambda report: [((report.host.kernel or "", report.host.arch or ""), 1)],
    Family(
        name="vfioguard_policy",
        kind="info",
        help="The predicate that decides about attaches through the backend, or the one that was "
        "asked for.",
        labels=("backend", "policy"),
    ): _policies,
    Family(
        name="vfioguard_iommus",
        kind="gauge",
        help="IOMMUs that the kernel has in use.",
    ): lambda report: single(len(report.host.iommu)),
    Family(
        name="vfioguard_evidence_readable",
        kind="gauge",
        help="0 where something at or below this path exists and could not be read. "
        "What is absent, or was not needed, counts as readable.",
        labels=("source",),
    ): _evidence,
    Family(
        name="vfioguard_override_enabled",
        kind="gauge",
        help="Whether the parameter is set. Absent where its module is not loaded or it is "
        "unreadable.",
        labels=("parameter",),
    ): _enabled,
    Family(
        name="vfioguard_override_pending",
        kind="gauge",
        help="Whether loading the module, which is not loaded, would set the parameter.",
        labels=("parameter",),
    ): _pending,
    Family(
        name="vfioguard_finding",
        kind="gauge",
        help="1 for each kind of finding about this host; the report says what and why.",
        labels=("finding", "severity"),
    ): _findings,
    Family(
        name="vfioguard_devices_without_group",
        kind="gauge",
        help="PCI functions in no IOMMU group.",
    ): lambda report: single(len(report.ungrouped)),
}

GROUPS: Table[Attaches] = {
    Family(
        name="vfioguard_groups",
        kind="gauge",
        help="IOMMU groups by what the kernel would answer to an attach through the backend. "
        "All zero where this kernel does not have the backend.",
        labels=("backend", "outcome"),
    ): lambda attaches: _by_backend(attaches.groups),
    Family(
        name="vfioguard_bound_groups",
        kind="gauge",
        help="The same of those IOMMU groups alone that have a member bound to a VFIO driver.",
        labels=("backend", "outcome"),
    ): lambda attaches: _by_backend(group for group in attaches.groups if group.on_vfio),
    Family(
        name="vfioguard_headline_groups",
        kind="gauge",
        help="IOMMU groups by the worst answer of the backends, or by the policy that was asked "
        "for.",
        labels=("outcome",),
    ): lambda attaches: by_label(_outcomes(group.headline for group in attaches.groups)),
    Family(
        name="vfioguard_groups_not_attachable",
        kind="gauge",
        help="IOMMU groups of which no VFIO driver can take a member. No other metric counts them.",
    ): lambda attaches: single(attaches.not_attachable),
    Family(
        name="vfioguard_attach_groups",
        kind="gauge",
        help="IOMMU groups by whether an attach through the backend succeeds once every member "
        "that a VFIO driver takes is bound to one: the interrupts and all else.",
        labels=("backend", "answer"),
    ): lambda attaches: attaches.by_answer(),
    Family(
        name="vfioguard_safe_irq_domain_groups",
        kind="gauge",
        help="IOMMU groups by the vfio_safe_irq_domain patches of 2016.",
        labels=("outcome",),
    ): lambda attaches: by_label(_outcomes(group.series for group in attaches.groups)),
    Family(
        name="vfioguard_safe_irq_domain_disagreements",
        kind="gauge",
        help="IOMMU groups of which the patches of 2016 say otherwise than the headline.",
    ): lambda attaches: single(sum(group.agrees is False for group in attaches.groups)),
    Family(
        name="vfioguard_override_needed",
        kind="gauge",
        help="Whether any group is refused without the override. Absent where that is not known.",
    ): lambda attaches: single(attaches.override_needed),
    Family(
        name="vfioguard_groups_exposed",
        kind="gauge",
        help="IOMMU groups that only the override lets through, and that are bound to a VFIO "
        "driver or held open now.",
    ): lambda attaches: single(attaches.exposed),
    Family(
        name="vfioguard_cause_groups",
        kind="gauge",
        help="IOMMU groups that are not known to be allowed, by the first cause of their "
        "interrupts and by whether a member is bound to a VFIO driver. Only what there is.",
        labels=("cause", "outcome", "bound"),
    ): lambda attaches: attaches.by_cause(),
    Family(
        name=NEEDS_OVERRIDE,
        kind="gauge",
        help="1 for every PCI function of every group that is not known to be allowed with the "
        "override off, and one without an address for its other members.",
        labels=("group", "backend", "outcome", "cause", *addresses.LABELS),
    ): lambda attaches: attaches.needs_override,
    Family(
        name=BLOCKED,
        kind="gauge",
        help="1 for everything beside the interrupts for which an attach to a group is refused: "
        "what lasts, and what can be changed where a member is bound to a VFIO driver.",
        labels=("group", "blocker", "lasting", *addresses.LABELS),
    ): lambda attaches: attaches.blocked,
    Family(
        name="vfioguard_dropped_series",
        kind="gauge",
        help="Series that were cut from the metric.",
        labels=("metric",),
    ): lambda attaches: by_label(attaches.dropped),
}
