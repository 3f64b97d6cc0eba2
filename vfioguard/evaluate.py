"""From a Snapshot to the Report: every policy applied to every group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from vfioguard import known, unread
from vfioguard.fact import Fact, Gap, value_or
from vfioguard.finding import Finding
from vfioguard.inference import exempt
from vfioguard.inference.host import Host
from vfioguard.kernel import acpi_tables
from vfioguard.kernel.devices import Device
from vfioguard.kernel.earlier import keep
from vfioguard.kernel.group_members import Members
from vfioguard.kernel.module_param import Parameter
from vfioguard.logic import Answer, ask, every
from vfioguard.policy import Isolated, Policy
from vfioguard.report import (
    DeviceReport,
    FindingReport,
    GroupReport,
    HostReport,
    OverrideReport,
    PolicyReport,
    Report,
    UngroupedDevice,
)
from vfioguard.snapshot import Snapshot
from vfioguard.step import Step
from vfioguard.verdict import Verdict, judge, severity

SERIES = "vfio_safe_irq_domain"
#: Shown even where this kernel does not have them: scripts rely on the keys.
_ALWAYS_SHOWN = ("type1", "iommufd")
_AT_ONCE = 256

#: (group, what settles it without the test, or None) -> verdict
_Judge = Callable[[Members, Answer | None], Verdict]


class UnknownPolicy(ValueError):
    """A name that no policy has; the message lists those that exist."""


class _Bench(NamedTuple):
    """What judges the groups of one host."""

    series: _Judge
    backends: tuple[tuple[str, _Judge | None], ...]
    pinned: _Judge | None
    none: _Judge


def policy_names() -> tuple[str, ...]:
    """What `--policy` takes, without importing a policy."""
    return known.names("vfioguard.policy")


class Judged(NamedTuple):
    """A Report, the host that it is about, and all that every group's verdict rests on.

    `gaps` are those of groups, by number.
    """

    report: Report
    host: Host
    context: tuple[object, ...]
    gaps: Mapping[int, tuple[Gap, ...]]

    @property
    def snapshot(self) -> Snapshot:
        """What was judged."""
        return self.host.snapshot


def evaluate(snapshot: Snapshot, generated_at: str, pinned: str | None = None) -> Report:
    """Apply all policies; `pinned` makes one of them the headline. Raises `UnknownPolicy`."""
    return judge_all(snapshot, generated_at, pinned).report


def judge_all(
    snapshot: Snapshot, generated_at: str, pinned: str | None = None, before: Judged | None = None
) -> Judged:
    """The same; groups that did not change since `before` are its objects (kernel/earlier.py)."""
    policies = _policies()
    if pinned is not None and pinned not in policies:
        raise UnknownPolicy(f"no policy {pinned!r}; there are {', '.join(sorted(policies))}")
    old = before.host.snapshot.members if before else ()
    step = Step(old, before.report.groups if before else (), snapshot)
    host = before.host.after(snapshot, step.changed()) if before else Host(snapshot)
    carried = {name: policy.carried(host) for name, policy in policies.items()}
    bench = _bench(host, policies, carried, pinned)
    context = (pinned, *host.context)
    again = {*step.differ, *(host.moved(before.host, step.groups) if before else ())}
    anew = before is None or before.context != context
    groups = _groups(host, bench, step, sorted(again), anew=anew)
    gaps = step.gaps(before.gaps if before else {})
    host.forget()
    acpi = snapshot.acpi
    in_force = tuple(
        name
        for name, policy in policies.items()
        if policy.backend and carried[name].truth and host.has_backend(policy.backend)
    )
    report = Report(
        generated_at,
        _host(host, in_force, pinned),
        tuple(_override(parameter) for parameter in snapshot.parameters),
        groups,
        snapshot.groups if isinstance(snapshot.groups, Gap) else None,
        tuple(_ungrouped(device) for device in snapshot.devices),
        tuple(
            PolicyReport(
                *policy[:5],
                policy.name in in_force,
                carried[policy.name],
                host.backend_exists(policy.backend) if policy.backend else None,
            )
            for policy in policies.values()
        ),
        tuple(_findings(host)),
        tuple(unread.once(chain(unread.of_host(snapshot), *gaps.values()))),
        tuple(zip(acpi._fields, map(acpi_tables.state, acpi), strict=True)),
    )
    return Judged(report, host, context, gaps)


def disagreements(judged: Judged) -> int:
    """How many groups have another verdict than one that is made from nothing else. 0, or a bug."""
    host = Host(judged.snapshot)
    policies = _policies()
    carried = {name: policy.carried(host) for name, policy in policies.items()}
    bench = _bench(host, policies, carried, judged.report.host.pinned)
    wrong = 0
    pairs = zip(judged.snapshot.members, judged.report.groups, strict=True)
    for number, (members, report) in enumerate(pairs):
        wrong += _group(host, bench, members) != report
        if number % _AT_ONCE == 0:  # or a second set of all verdicts would be held meanwhile
            host.forget()
    return wrong


def _policies() -> dict[str, Policy]:
    return {p.name: p for p in known.leaves("vfioguard.policy", "POLICY", Policy)}


def _groups(
    host: Host, bench: _Bench, step: Step, again: Sequence[int], *, anew: bool
) -> tuple[GroupReport, ...]:
    """The verdicts on all groups, made again only at these places, or `anew` at all."""
    found = list(step.kept)
    again = range(len(found)) if anew else again
    was = step.reports_by_number() if len(again) > 1 else {}
    for at in again:
        members = step.groups[at]
        found[at] = keep(_group(host, bench, members), was.get(members.group.id))
    return tuple(filter(None, found))


def _host(host: Host, in_force: tuple[str, ...], pinned: str | None) -> HostReport:
    snapshot = host.snapshot
    release = snapshot.kernel.release
    iommus = snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ()
    return HostReport(
        release.value.text if isinstance(release, Fact) else None,
        value_or(snapshot.kernel.arch, None),
        tuple(unit.name for unit in iommus),
        in_force,
        pinned,
        host.remapping if host.is_x86 else None,
    )


def _findings(host: Host) -> Iterator[FindingReport]:
    for kind in known.leaves("vfioguard.finding", "FINDING", Finding):
        for found in kind.find(host):
            yield FindingReport(kind.name, kind.severity, found.summary, found.because)


def _bench(
    host: Host, policies: dict[str, Policy], carried: dict[str, Answer], pinned: str | None
) -> _Bench:
    offered = {policy.backend for policy in policies.values() if policy.backend}
    names = [name for name in offered if host.has_backend(name)]
    backends: list[tuple[str, _Judge | None]] = []
    for backend in [*_ALWAYS_SHOWN, *sorted(offered.difference(_ALWAYS_SHOWN))]:
        if backend in names:
            backends.append((backend, _backend(host, backend, policies, carried)))
        elif backend in _ALWAYS_SHOWN:
            backends.append((backend, None))
    series = policies[SERIES]
    return _Bench(
        _judge(host, series.name, "type1", series.isolated(host)),
        tuple(backends),
        _pinned(host, policies[pinned]) if pinned else None,
        _judge(host, "none", "type1", lambda _members: _no_backend(host)),
    )


def _pinned(host: Host, policy: Policy) -> _Judge:
    return _judge(host, policy.name, policy.backend or "type1", policy.isolated(host))


def _no_backend(host: Host) -> Answer:
    claim = "this kernel has a way to attach devices to guests (VFIO)"
    return ask(claim, host.snapshot.kernel.config, lambda _: None)


def _judge(host: Host, name: str, backend: str, isolated: Isolated) -> _Judge:
    override = host.override(backend)
    last: Verdict | None = None

    def verdict(members: Members, exempt: Answer | None) -> Verdict:
        nonlocal last
        answer = isolated(members) if exempt is None else exempt
        if last is None or last.isolated is not answer:  # a machine-wide answer is one object
            last = judge(name, answer, override)
        return last

    return verdict


def _backend(
    host: Host, backend: str, policies: dict[str, Policy], carried: dict[str, Answer]
) -> _Judge:
    """The policy that the kernel carries for a backend, or all that it may carry, if they agree."""
    candidates = [
        policy
        for policy in policies.values()
        if policy.backend == backend and carried[policy.name].truth is not False
    ]
    if not candidates:
        claim = "the running kernel's predicate is known"
        answer = ask(claim, host.snapshot.kernel.release, lambda _: None)
        return _judge(host, "none", backend, lambda _members: answer)
    tests = [policy.isolated(host) for policy in candidates]
    if len(tests) == 1:
        return _judge(host, candidates[0].name, backend, tests[0])
    name = "|".join(policy.name for policy in candidates)
    known_by = tuple(carried[policy.name] for policy in candidates)

    def isolated(members: Members) -> Answer:
        answers = [test(members) for test in tests]
        if len({answer.truth for answer in answers}) == 1:
            return every("every predicate that this kernel may carry agrees", answers)
        return every("it is known by which predicate this kernel decides", known_by)

    return _judge(host, name, backend, isolated)


def _group(host: Host, bench: _Bench, members: Members) -> GroupReport:
    settled = exempt.by_kind(members)
    backends = tuple(
        [(name, judge(members, settled) if judge else None) for name, judge in bench.backends]
    )
    if bench.pinned is not None:
        headline = bench.pinned(members, settled)
    else:
        verdicts = [verdict for _, verdict in backends if verdict is not None]
        headline = max(verdicts, key=_severity) if verdicts else bench.none(members, settled)
    return GroupReport(
        members.group.id,
        value_or(members.group.type, None),
        tuple([_device(host, device) for device in members.devices]),
        headline,
        backends,
        bench.series(members, settled),
    )


def _severity(verdict: Verdict) -> int:
    return severity(verdict.outcome)


def _device(host: Host, device: Device) -> DeviceReport:
    uevent = device.uevent
    found = uevent.value if isinstance(uevent, Fact) else None
    return DeviceReport(
        device.name,
        device.bus,
        found.driver if found else None,
        found.pci_class if found else None,
        host.isolated(device),
    )


def _ungrouped(device: Device) -> UngroupedDevice:
    found = device.uevent.value if isinstance(device.uevent, Fact) else None
    return UngroupedDevice(
        device.name, found.driver if found else None, found.pci_class if found else None
    )


def _override(parameter: Parameter) -> OverrideReport:
    pending = None if parameter.pending is None else value_or(parameter.pending, None)
    return OverrideReport(str(parameter), value_or(parameter.current, None), pending)
