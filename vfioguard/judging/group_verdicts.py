"""Judge the groups of a host by each policy in force, with the override that the policy obeys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern

from vfioguard.attach import Attach, Attachment
from vfioguard.fact import Fact, Gap, Why, value_or
from vfioguard.inference import drivers, exempt
from vfioguard.inference.backends import lacks
from vfioguard.inference.host import Host
from vfioguard.judging.attachments import Attachments, nothing, without_backend, worst
from vfioguard.judging.host_part import HostPart
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_groups import Group
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim, ask, every, some
from vfioguard.policy import Isolated, Policy
from vfioguard.report import DeviceReport, GroupReport
from vfioguard.typed import TYPE_CHECKING, TypeAlias
from vfioguard.verdict import NONE, Verdict, judge, severity

if TYPE_CHECKING:
    from vfioguard.judging.causes import Causes

SERIES = "vfio_safe_irq_domain"
#: Backends that are shown even if this kernel lacks them, because scripts rely on the keys.
_ALWAYS_SHOWN: tuple[str, ...] = ("type1", "iommufd")

_SOME_BACKEND = Claim(
    "this kernel has a way to attach devices to guests (a backend of VFIO)",
    "this kernel has no way to attach devices to guests: neither type1 nor iommufd",
)
_OVERRIDE_HELPS = Claim("an override changes that", "no override changes that")
_PREDICATE = Claim(
    "the running kernel's predicate is known",
    unknown="the predicate by which this kernel decides is not known",
)
_ALL_AGREE = Claim(
    "every predicate that this kernel may carry agrees",
    "every predicate that this kernel may carry refuses the group",
)
_WHICH = Claim(
    "it is known by which predicate this kernel decides",
    unknown="it is not known by which predicate this kernel decides",
)

#: (group, the answer that settles it without the test, or None) -> verdict
_Judge: TypeAlias = "Callable[[Members, Answer | None], Verdict]"


class GroupVerdicts:
    """Judges the groups of one host, by the policies that its kernel carries (`part.carried`)."""

    def __init__(self, host: Host, policies: Mapping[str, Policy], part: HostPart) -> None:
        self.host = host
        self.part = part
        carried, chosen = part.carried, part.host.chosen
        offered = {policy.backend for policy in policies.values() if policy.backend}
        self._backends: list[tuple[str, _Judge | None]] = []
        for backend in [*_ALWAYS_SHOWN, *sorted(offered.difference(_ALWAYS_SHOWN))]:
            if backend in offered and host.has_backend(backend):
                self._backends.append((backend, _backend(host, backend, policies, carried)))
            elif backend in _ALWAYS_SHOWN:
                self._backends.append((backend, None))
        series = policies[SERIES]
        self._series = _judge(host, series.name, "type1", series.isolated(host))
        self._pinned = by_policy(host, policies[chosen.policy]) if chosen.policy else None
        self._counting = part.host.counting
        there = {backend for backend, judge in self._backends if judge}
        lacks = self._pinned is not None and not host.has_backend(self._counting[0])
        self._lacking = without_backend(host, self._counting[0]) if lacks else None
        self._none = None if there.intersection(self._counting) else _nothing(host, chosen.backend)
        self._attachments = Attachments(host)
        self._causes: Causes | None = None
        self._before: tuple[tuple[str, Attachment | None], ...] = ()

    def group(self, members: Members) -> GroupReport:
        """All verdicts on one group."""
        settled = exempt.by_kind(members)
        backends = tuple(
            [(name, judge(members, settled) if judge else None) for name, judge in self._backends]
        )
        attachments = tuple(
            [
                (name, self._attachments.attachment(members, name, verdict) if verdict else None)
                for name, verdict in backends
            ]
        )
        if attachments == self._before:
            attachments = self._before  # one object for all groups that are alike
        else:
            self._before = attachments
        headline, attachment = self._head(members, settled, backends, attachments)
        group = GroupReport(
            id=members.group.id,
            type=value_or(members.group.type, None),
            devices=tuple([_device(self.host, device) for device in members.devices]),
            headline=headline,
            backends=backends,
            series=self._series(members, settled),
            attachments=attachments,
            attachment=attachment,
            attachable=_attachable(self.host, members),
        )
        return self._with_causes(group, members)

    def _with_causes(self, group: GroupReport, members: Members) -> GroupReport:
        """The report with the names of its causes. A host that refuses nothing loads none."""
        fine = group.attachment.attach is Attach.YES and not group.attachment.blockers
        if fine and all(verdict is None or verdict.isolated.truth for _, verdict in group.backends):
            return group
        if self._causes is None:
            from vfioguard.judging.causes import Causes

            self._causes = Causes(self.host)
        return group._replace(causes=self._causes.names(group, members))

    def under(self, members: Members, group: GroupReport) -> GroupReport:
        """The earlier report on a group, with the headline and the attachment of this choice.

        All else is as before. A verdict that is equal to one of the report is that very object.
        """
        settled = exempt.by_kind(members)
        verdict, attachment = self._head(members, settled, group.backends, group.attachments)
        known = (group.headline, group.series, *[verdict for _, verdict in group.backends])
        headline = next((old for old in known if old == verdict), verdict)
        return self._with_causes(
            group._replace(headline=headline, attachment=attachment, causes=()), members
        )

    def _head(
        self,
        members: Members,
        settled: Answer | None,
        backends: tuple[tuple[str, Verdict | None], ...],
        attachments: tuple[tuple[str, Attachment | None], ...],
    ) -> tuple[Verdict, Attachment]:
        """The headline and the attachment: the worst of the backends that count, or as chosen."""
        if self._pinned is not None:
            verdict = self._pinned(members)
            if self._lacking is not None:
                return verdict, self._lacking
            return verdict, self._attachments.attachment(members, self._counting[0], verdict)
        if self._none is not None:
            verdict, asked = self._none(settled), self.part.host.chosen.backend
            return verdict, without_backend(self.host, asked) if asked else nothing(verdict)
        counting = self._counting
        verdicts = [verdict for name, verdict in backends if verdict and name in counting]
        attaches = [attach for name, attach in attachments if attach and name in counting]
        if len(verdicts) == 1:  # the most frequent case
            return verdicts[0], attaches[0]
        return max(verdicts, key=_severity), worst(attaches)

    def alone(self, device: Device, number: int) -> Attachment:
        """The attach of `device` if it were alone in a group; `number` is an unused one."""
        missing = Gap(Why.ABSENT, device.uevent.source, "there is no such group yet")
        group = Group(id=number, type=missing, reserved_regions=missing, name=None)
        members = Members(group, (device,), Fact(True, b"", device.uevent.source))
        return self.group(members).attachment


def by_policy(host: Host, policy: Policy) -> Callable[[Members], Verdict]:
    """A function from a group to the verdict of `policy`, whether or not the kernel carries it."""
    judge = _judge(host, policy.name, policy.backend or "type1", policy.isolated(host))
    return lambda members: judge(members, exempt.by_kind(members))


def _nothing(host: Host, asked: str | None) -> Callable[[Answer | None], Verdict]:
    """The verdict if no backend is known to be there, or not the one that is `asked` for.

    It is unknown, or refused if it cannot be there: then nothing can be attached, whatever the
    overrides are.
    """
    claim, backends = _SOME_BACKEND, _ALWAYS_SHOWN
    if asked:
        claim = Claim(f"this kernel has {asked}", lacks(asked))
        backends = (asked,)
    answer = some(claim, [host.backend_exists(backend) for backend in backends])
    override = Answer(_OVERRIDE_HELPS, False, answer.because)
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
        answer = ask(_PREDICATE, host.snapshot.kernel.release, lambda _: None)
        return _judge(host, NONE, backend, lambda _members: answer)
    tests = [policy.isolated(host) for policy in candidates]
    if len(tests) == 1:
        return _judge(host, candidates[0].name, backend, tests[0])
    name = "|".join(policy.name for policy in candidates)
    known_by = tuple(carried[policy.name] for policy in candidates)

    def isolated(members: Members) -> Answer:
        answers = [test(members) for test in tests]
        if len({answer.truth for answer in answers}) == 1:
            return every(_ALL_AGREE, answers)
        return every(_WHICH, known_by)

    return _judge(host, name, backend, isolated)


def _attachable(host: Host, members: Members) -> bool:
    """Whether a VFIO driver may take a member: false only if it is known to take none."""
    takes = [drivers.can_take(host.snapshot, device) for device in members.devices]
    return not takes or any(truth is not False for truth in takes)


def _severity(verdict: Verdict) -> int:
    return severity(verdict.outcome)


def _device(host: Host, device: Device) -> DeviceReport:
    uevent = device.uevent.value if isinstance(device.uevent, Fact) else None
    node = device.vfio.node if device.vfio is not None else None
    return DeviceReport(
        name=device.name,
        bus=device.bus,
        driver=uevent.driver if uevent else None,
        pci_class=uevent.pci_class if uevent else None,
        isolated=host.isolated(device),
        pci_id=intern(uevent.pci_id.lower()) if uevent and uevent.pci_id else None,
        node=node.value if isinstance(node, Fact) else None,
        given=device.vfio is not None,
    )
