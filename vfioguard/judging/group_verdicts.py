"""Judge the groups of a host by each policy in force, with the override that the policy obeys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from vfioguard.fact import Fact, Gap, Why, value_or
from vfioguard.inference import exempt
from vfioguard.inference.host import Host
from vfioguard.judging.host_part import HostPart
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_groups import Group
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, ask, every, some
from vfioguard.policy import Isolated, Policy
from vfioguard.report import DeviceReport, GroupReport
from vfioguard.verdict import NONE, Outcome, Verdict, judge, severity

SERIES = "vfio_safe_irq_domain"
#: Backends that are shown even if this kernel lacks them, because scripts rely on the keys.
_ALWAYS_SHOWN = ("type1", "iommufd")

#: (group, the answer that settles it without the test, or None) -> verdict
_Judge: TypeAlias = "Callable[[Members, Answer | None], Verdict]"


class GroupVerdicts:
    """Judges the groups of one host, by the policies that its kernel carries (`part.carried`)."""

    def __init__(self, host: Host, policies: Mapping[str, Policy], part: HostPart) -> None:
        self.host = host
        self.part = part
        carried, pinned = part.carried, part.host.pinned
        offered = {policy.backend for policy in policies.values() if policy.backend}
        self._backends: list[tuple[str, _Judge | None]] = []
        for backend in [*_ALWAYS_SHOWN, *sorted(offered.difference(_ALWAYS_SHOWN))]:
            if backend in offered and host.has_backend(backend):
                self._backends.append((backend, _backend(host, backend, policies, carried)))
            elif backend in _ALWAYS_SHOWN:
                self._backends.append((backend, None))
        series = policies[SERIES]
        self._series = _judge(host, series.name, "type1", series.isolated(host))
        self._pinned = by_policy(host, policies[pinned]) if pinned else None
        self._none = None if any(judge for _, judge in self._backends) else _nothing(host)

    def group(self, members: Members) -> GroupReport:
        """All verdicts on one group."""
        settled = exempt.by_kind(members)
        backends = tuple(
            [(name, judge(members, settled) if judge else None) for name, judge in self._backends]
        )
        pinned = self._pinned
        return GroupReport(
            id=members.group.id,
            type=value_or(members.group.type, None),
            devices=tuple([_device(self.host, device) for device in members.devices]),
            headline=pinned(members) if pinned else self._worst(backends, settled),
            backends=backends,
            series=self._series(members, settled),
        )

    def _worst(
        self, backends: Iterable[tuple[str, Verdict | None]], settled: Answer | None
    ) -> Verdict:
        """The worst verdict of the backends that the running kernel has."""
        verdicts = [verdict for _, verdict in backends if verdict is not None]
        return self._none(settled) if self._none else max(verdicts, key=_severity)

    def alone(self, device: Device, number: int) -> Outcome:
        """The outcome for `device` if it were alone in a group; `number` is an unused one."""
        missing = Gap(Why.ABSENT, device.uevent.source, "there is no such group yet")
        group = Group(id=number, type=missing, reserved_regions=missing, name=None)
        members = Members(group, (device,), Fact(True, b"", device.uevent.source))
        return self._worst(self.group(members).backends, exempt.by_kind(members)).outcome


def by_policy(host: Host, policy: Policy) -> Callable[[Members], Verdict]:
    """A function from a group to the verdict of `policy`, whether or not the kernel carries it."""
    judge = _judge(host, policy.name, policy.backend or "type1", policy.isolated(host))
    return lambda members: judge(members, exempt.by_kind(members))


def _nothing(host: Host) -> Callable[[Answer | None], Verdict]:
    """The verdict if no backend is known to be there: unknown, or refused if there can be none.

    Without a backend nothing can be attached, whatever the overrides are.
    """
    claim = "this kernel has a way to attach devices to guests (a backend of VFIO)"
    answer = some(claim, [host.backend_exists(backend) for backend in _ALWAYS_SHOWN])
    override = Answer("an override changes that", False, answer.because)
    verdict = judge(NONE, answer, override)

    def of_group(settled: Answer | None) -> Verdict:
        """A no-IOMMU group needs no backend, so it keeps its own answer; a mediated device does."""
        if settled is not None and settled.truth is None:
            return judge(NONE, settled, override)
        return verdict

    return of_group


def _judge(host: Host, name: str, backend: str, isolated: Isolated) -> _Judge:
    override = host.override(backend)
    last: Verdict | None = None

    def verdict(members: Members, exempt: Answer | None) -> Verdict:
        nonlocal last
        answer = isolated(members) if exempt is None else exempt
        if last is None or last.isolated is not answer:  # one answer may be for all groups
            last = judge(name, answer, override)
        return last

    return verdict


def _backend(
    host: Host, backend: str, policies: Mapping[str, Policy], carried: Mapping[str, Answer]
) -> _Judge:
    """Judge by the policy that the kernel carries for `backend`.

    If it may carry one of several, their common answer counts, and unknown if they differ.
    """
    candidates = [
        policy
        for policy in policies.values()
        if policy.backend == backend and carried[policy.name].truth is not False
    ]
    if not candidates:
        claim = "the running kernel's predicate is known"
        answer = ask(claim, host.snapshot.kernel.release, lambda _: None)
        return _judge(host, NONE, backend, lambda _members: answer)
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


def _severity(verdict: Verdict) -> int:
    return severity(verdict.outcome)


def _device(host: Host, device: Device) -> DeviceReport:
    uevent = device.uevent.value if isinstance(device.uevent, Fact) else None
    return DeviceReport(
        name=device.name,
        bus=device.bus,
        driver=uevent.driver if uevent else None,
        pci_class=uevent.pci_class if uevent else None,
        isolated=host.isolated(device),
    )
