"""Why a group is refused or unknown, and what to change: the causes that hold.

Nothing here is loaded for a group whose interrupts are isolated.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cache

from vfioguard import leaves
from vfioguard.attach import Attach, Attachment, OneBackend
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.host import Host
from vfioguard.inference.witnesses import ORDINARY
from vfioguard.judging import blocked_causes
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.iommu_groups import Group
from vfioguard.kernel.members import Members
from vfioguard.reason import folded_reason
from vfioguard.report import CauseReport, CauseRow, GroupReport, Report, UngroupedDevice
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from vfioguard.cause import Cause, Caused


def causes_of(
    host: Host, group: GroupReport | None, members: Members | None
) -> tuple[CauseReport, ...]:
    """The causes that hold for a group: that of the first errno first, else the most specific.

    Without a `group`, `members` are a single function without one, or None for the whole host. A
    group that can be attached without the override has none, and loads none. The last cause has the
    override as its last resort, if the interrupts refuse the group and it is off.
    """
    if group is None:
        return tuple([_report(kind, caused) for kind, caused in _holding(host, None, members)])
    own = _of_interrupts(host, group, members) if _wants(group) else []
    blocked: list[CauseReport] = []
    if group.attachment.blockers and members is not None:
        blocked = list(blocked_causes.of_blockers(host, group, members))
    by_name = {cause.name: cause for cause in (*own, *blocked)}
    order = _order(group, [cause.name for cause in own], [cause.name for cause in blocked])
    told = [by_name[name] for name in order]
    if own and not any(b.lasting and b.because.truth for b in group.attachment.blockers):
        from vfioguard.cause.override import last_resort

        told[-1] = told[-1]._replace(last_resort=last_resort(host, group))
    return tuple(told)


def _wants(group: GroupReport) -> bool:
    """Whether the causes of the interrupts matter.

    Nobody attaches a group that has no member to attach. That a host lacks a backend is told of all
    groups, also of those whose interrupts are fine.
    """
    lacks = any(blocker.name == "no_backend" for blocker in group.attachment.blockers)
    return lacks or (group.attachable and asks(group))


def _order(group: GroupReport, own: Sequence[str], blocked: Sequence[str]) -> tuple[str, ...]:
    """The causes of the interrupts and the blockers, by name: the first errno's first, each once.

    What perhaps refuses stands behind what surely does. `no_backend` is of the interrupts, too.
    """
    attachment, first = group.attachment, group.attachment.blockers[:1]
    told = (*own, *blocked)
    if first and (first[0].errno, first[0].call) == (attachment.errno, attachment.call):
        told = (*[name for name in told if name == first[0].name], *blocked, *own)
    sure = {blocker.name for blocker in attachment.blockers if blocker.because.truth}
    if group.outcome is Outcome.REFUSED:
        sure.update(own)
    return tuple(sorted(dict.fromkeys(told), key=lambda name: name not in sure))


def _of_interrupts(host: Host, group: GroupReport, members: Members | None) -> list[CauseReport]:
    return [_report(kind, caused) for kind, caused in _holding(host, group, members)]


class Causes:
    """The names of the causes of many groups. Groups whose reasons are alike have the same.

    tests/cause/test_alike.py holds this against `causes_of` for every recorded group.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._names: dict[Hashable, tuple[str, ...]] = {}

    def names(self, group: GroupReport, members: Members) -> tuple[str, ...]:
        """The names of the causes of a group, the first errno's first."""
        blockers = group.attachment.blockers
        if not blockers and not asks(group):
            return ()
        blocked = blocked_causes.names(group) if blockers else ()
        own = self._of_interrupts(group, members) if _wants(group) else ()
        return _order(group, own, blocked)

    def _of_interrupts(self, group: GroupReport, members: Members) -> tuple[str, ...]:
        key = (group.outcome, _reasons(group), self._kinds(members))
        known = self._names.get(key)
        if known is None:
            causes = _of_interrupts(self._host, group, members)
            known = self._names[key] = tuple(cause.name for cause in causes)
        return known

    def _kinds(self, members: Members) -> Hashable:
        """What differs between the members of groups whose one-line reason is the same."""
        return frozenset(map(self._kind, members.devices))

    def _kind(self, device: Device) -> Hashable:
        pci = is_pci(device.name)
        # A longer name is of a domain of VMD, whose functions have causes of their own.
        vmd = pci and len(device.name) > ORDINARY
        family = self._host.finder.chips.family(device)
        return pci, vmd, family, self._host.isolated(device).truth


def _reasons(group: GroupReport) -> Hashable:
    """The reason of the headline, and of each verdict of a backend that has another proof."""
    own = group.headline.isolated
    others = [each for each in verdicts(group) if each.isolated is not own and _asks(each)]
    reasons = [folded_reason(group._replace(headline=other)).key for other in others]
    return folded_reason(group).key, *reasons


def rows(host: Host, groups: Sequence[GroupReport]) -> tuple[CauseRow, ...]:
    """The first causes of these groups, each with its groups; those of the most groups first.

    For a host without groups it is why it has none.
    """
    if not groups:
        return tuple([CauseRow(cause, ()) for cause in causes_of(host, None, None)])
    alike: dict[str, list[GroupReport]] = {}
    for group in groups:
        if group.causes and group.attachable and _matters(group):
            alike.setdefault(group.causes[0], []).append(group)
    return tuple(
        [
            CauseRow(_first(host, same[0]), tuple([group.id for group in same]))
            for same in sorted(alike.values(), key=lambda same: (-len(same), same[0].id))
        ]
    )


def _matters(group: GroupReport) -> bool:
    """Whether the group is refused, blocked for good or as it stands, or not known."""
    worst = group.attachment.worst
    return worst is not Attach.YES or group.outcome is not Outcome.ALLOWED


def _first(host: Host, group: GroupReport) -> CauseReport:
    causes = causes_of(host, group, host.snapshot.group(group.id))
    first = next((cause for cause in causes if cause.name == group.causes[0]), causes[0])
    return first._replace(last_resort=causes[-1].last_resort)


def asks(group: GroupReport) -> bool:
    """Whether an interrupt verdict of the group needs a cause."""
    return any(True for verdict in verdicts(group) if _asks(verdict))


def causes_without_group(host: Host, device: Device | None = None) -> tuple[CauseReport, ...]:
    """Why a function is in no IOMMU group; without `device`, why this host uses no IOMMU.

    Empty if the host uses one and no `device` is given.
    """
    if device is None:
        return causes_of(host, None, None)
    missing = Gap(Why.ABSENT, device.uevent.source, "there is no such group")
    group = Group(id=-1, type=missing, reserved_regions=missing, name=None)
    return causes_of(host, None, Members(group, (device,), Fact(True, b"", device.uevent.source)))


def causes_of_ungrouped(host: Host, function: UngroupedDevice) -> tuple[CauseReport, ...]:
    """Why a function of the Report is in no IOMMU group."""
    device = host.once(_by_name).get(function.name)
    return () if device is None else causes_without_group(host, device)


def with_ungrouped(host: Host, report: Report) -> Report:
    """The report with the names of the causes of its functions in no group.

    Those of the same reason have the same. tests/cause/test_alike.py holds that.
    """
    if not report.ungrouped:
        return report
    alike: dict[Hashable, tuple[str, ...]] = {}
    named: list[UngroupedDevice] = []
    for device in report.ungrouped:
        key = (device.reason, device.pci_class, device.binds, device.forecast)
        if key not in alike:
            causes = causes_of_ungrouped(host, device)
            alike[key] = tuple(dict.fromkeys(cause.name for cause in causes))
        named.append(device._replace(causes=alike[key]))
    return report._replace(ungrouped=tuple(named))


def why(host: Host, place: GroupReport | UngroupedDevice) -> tuple[CauseReport, ...]:
    """The causes of a group, or of a function in none. Several threads may call this at once."""
    own = host.for_another_thread()
    if isinstance(place, UngroupedDevice):
        return causes_of_ungrouped(own, place)
    return causes_of(own, place, own.snapshot.group(place.id))


def causes_of_answer(
    host: Host, place: GroupReport | UngroupedDevice, answer: OneBackend
) -> tuple[CauseReport, ...]:
    """The causes of what an attach of the group, or of the function in none, meets."""
    if isinstance(place, UngroupedDevice):
        return causes_of_ungrouped(host, place)
    met = Attachment(
        attach=answer.answer, blockers=answer.blockers, errno=answer.errno, call=answer.call
    )
    group = place._replace(attachment=met)
    return causes_of(host, group, host.snapshot.group(group.id))


def _by_name(host: Host) -> dict[str, Device]:
    return {device.name: device for device in host.snapshot.devices}


def cause_names() -> tuple[str, ...]:
    """The closed set of names; no cause is loaded."""
    return leaves.names("vfioguard.cause")


def verdicts(group: GroupReport) -> Iterator[Verdict]:
    """The headline and the verdicts of the backends that this kernel has."""
    yield group.headline
    for _, verdict in group.backends:
        if verdict is not None:
            yield verdict


def _asks(verdict: Verdict) -> bool:
    return verdict.isolated.truth is not True


def _holding(
    host: Host, group: GroupReport | None, members: Members | None
) -> Iterator[tuple[Cause, Caused]]:
    from vfioguard.cause import ELSE

    held = False
    for kind in host.once(_here):
        if kind.rank == ELSE and held:
            return
        caused = kind.applies(host, group, members)
        if caused is not None:
            held = True
            yield kind, caused


def _here(host: Host) -> tuple[Cause, ...]:
    """The causes that may hold on this host, in the order in which they are told."""
    return tuple(kind for kind in _kinds() if kind.here is None or kind.here(host))


def _report(kind: Cause, caused: Caused) -> CauseReport:
    return CauseReport(
        name=kind.name,
        sentence=caused.sentence,
        rule=caused.rule,
        because=caused.because,
        change=caused.change,
        helps=caused.helps,
        ticket=caused.ticket,
    )


@cache  # they are constants
def _kinds() -> tuple[Cause, ...]:
    """Every cause, in the order in which they are told."""
    from vfioguard.cause import Cause

    kinds = leaves.all_of("vfioguard.cause", "CAUSE", Cause)
    return tuple(sorted(kinds, key=lambda kind: (kind.rank, kind.name)))
