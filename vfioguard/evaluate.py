"""From a Snapshot to the Report: every policy applied to every group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

from vfioguard import known
from vfioguard.fact import Fact, Gap, Why, value_or
from vfioguard.finding import Finding
from vfioguard.inference.host import Host
from vfioguard.kernel import acpi_tables
from vfioguard.kernel.devices import Device
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
from vfioguard.verdict import Verdict, judge, severity

SERIES = "vfio_safe_irq_domain"
#: Shown even where this kernel does not have them: scripts rely on the keys.
_ALWAYS_SHOWN = ("type1", "iommufd")

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


def evaluate(snapshot: Snapshot, generated_at: str, pinned: str | None = None) -> Report:
    """Apply all policies; `pinned` makes one of them the headline. Raises `UnknownPolicy`."""
    policies = {p.name: p for p in known.leaves("vfioguard.policy", "POLICY", Policy)}
    if pinned is not None and pinned not in policies:
        raise UnknownPolicy(f"no policy {pinned!r}; there are {', '.join(sorted(policies))}")
    host = Host(snapshot)
    carried = {name: policy.carried(host) for name, policy in policies.items()}
    bench = _bench(host, policies, carried, pinned)
    groups = snapshot.groups.value if isinstance(snapshot.groups, Fact) else ()
    acpi = snapshot.acpi
    in_force = tuple(
        name
        for name, policy in policies.items()
        if policy.backend and carried[name].truth and host.has_backend(policy.backend)
    )
    return Report(
        generated_at,
        _host(host, in_force, pinned),
        tuple(_override(parameter) for parameter in snapshot.parameters),
        tuple(_group(host, bench, members) for members in groups),
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
        tuple(_gaps(snapshot)),
        tuple(zip(acpi._fields, map(acpi_tables.state, acpi), strict=True)),
    )


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
        host.remapping.truth if host.is_x86 else None,
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


def _exempt(members: Members) -> Answer | None:
    """Groups that the kernel does not put to the test (POLICY 1.4)."""
    # Before the name: from v5.16 groups of mediated devices are called as no-IOMMU groups are.
    buses = {device.bus for device in members.devices}
    if buses <= {"mdev", ""} and (buses or isinstance(members.complete, Gap)):
        claim = "mediated devices are attached without an interrupt test"
        known = buses == {"mdev"}
        return ask(claim, members.complete, lambda _: True if known else None)
    name = members.group.name
    hidden = isinstance(name, Gap) and name.why is not Why.ABSENT
    if name is not None and (members.group.noiommu or hidden):
        claim = "an IOMMU translates the group; a no-IOMMU group is attached without a test"
        return ask(claim, name, lambda _: None)
    return None


def _group(host: Host, bench: _Bench, members: Members) -> GroupReport:
    exempt = _exempt(members)
    backends = tuple(
        [(name, judge(members, exempt) if judge else None) for name, judge in bench.backends]
    )
    if bench.pinned is not None:
        headline = bench.pinned(members, exempt)
    else:
        verdicts = [verdict for _, verdict in backends if verdict is not None]
        headline = max(verdicts, key=_severity) if verdicts else bench.none(members, exempt)
    return GroupReport(
        members.group.id,
        value_or(members.group.type, None),
        tuple([_device(host, device) for device in members.devices]),
        headline,
        backends,
        bench.series(members, exempt),
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


def _gaps(snapshot: Snapshot) -> Iterator[Gap]:
    """What could not be read although it is there; absence is an answer, not a gap in one."""
    seen: set[str] = set()
    for gap in _all_gaps(snapshot):
        if gap.why is not Why.ABSENT and gap.source not in seen:
            seen.add(gap.source)
            yield gap


def _all_gaps(snapshot: Snapshot) -> Iterator[Gap]:
    """Every gap of a snapshot; members are visited by hand, as there are thousands of them."""
    nothing = Gap(Why.ABSENT, "", "")
    acpi = snapshot.acpi._replace(viot=nothing, mcfg=nothing, rimt=nothing)
    yield from _nested_gaps(snapshot._replace(groups=nothing, devices=(), acpi=acpi))
    devices = list(snapshot.devices)
    if isinstance(snapshot.groups, Gap):
        yield snapshot.groups
    else:
        for group, members, complete in snapshot.groups.value:
            devices += members
            for reading in (group.type, group.reserved_regions, group.name, complete):
                if isinstance(reading, Gap):
                    yield reading
    for device in devices:
        for field in device:
            if isinstance(field, Gap):
                yield field


def _nested_gaps(value: object) -> Iterator[Gap]:
    if isinstance(value, Gap):
        yield value
    elif isinstance(value, tuple):
        for part in cast("tuple[object, ...]", value):
            yield from _nested_gaps(part)
    elif isinstance(value, Mapping):
        for part in cast("Mapping[object, object]", value).values():
            yield from _nested_gaps(part)
