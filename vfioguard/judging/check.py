"""May these be attached? The answer for several targets that a guest gets together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from vfioguard.attach import (
    BIND,
    NOT_VIABLE,
    Ask,
    Attach,
    Blocker,
    How,
    OneBackend,
    rank,
)
from vfioguard.blocker import Attempt, Blocked, Kind
from vfioguard.inference import drivers, exempt
from vfioguard.judging import plain
from vfioguard.judging.attachments import (
    all_blocked,
    conclude,
    interrupt_step,
    nothing,
    shown,
    without_backend,
)
from vfioguard.judging.evaluate import Judged
from vfioguard.judging.named import Met, by_group, met_by_member, named
from vfioguard.judging.objections import objections, worse
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.report import CauseReport, Checked, Choice, GroupReport, UngroupedDevice
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Verdict


def check(
    judged: Judged,
    groups: Iterable[GroupReport],
    asks: Sequence[Ask],
    chosen: Choice,
    how: How,
) -> list[Checked]:
    """The answer for each target, given all others. Several threads may call this at once."""
    question = Check(judged, groups, asks, chosen, how)
    return [question.checked(ask) for ask in asks]


class _Asked(NamedTuple):
    """A group of which members are named, by any target."""

    members: Members
    report: GroupReport
    named: Mapping[str, Device]


class Check:
    """Answers the targets of one question together: what one binds, another finds bound.

    `groups` are the reports on the groups of `asks`, as `judged` has them, with their holders.
    """

    def __init__(
        self,
        judged: Judged,
        groups: Iterable[GroupReport],
        asks: Sequence[Ask],
        chosen: Choice,
        how: How,
    ) -> None:
        self._host = judged.host.for_another_thread()
        self._how = how
        report = judged.report
        reports, lone = list(groups), report.ungrouped
        if chosen != report.host.chosen:
            from vfioguard.judging.under import under, ungrouped_under

            reports = under(judged, chosen, reports)
            lone = ungrouped_under(judged, chosen)
        self._report = report.host.choosing(chosen, report.policies)
        self._alone = {device.name: device for device in lone}
        alone, whole = named(asks)
        self._groups = {
            group.id: self._asked(group, alone.get(group.id, {}), whole=group.id in whole)
            for group in reports
        }
        self._met: dict[tuple[int, str], Met] = {}
        self._answered: dict[str, Checked] = {}

    @cached_property
    def _known(self) -> dict[str, Device]:
        """The devices that are in no group."""
        return {device.name: device for device in self._host.snapshot.devices}

    def checked(self, ask: Ask) -> Checked:
        """The answer for one target, given all others. The same target is judged once."""
        known = self._answered.get(ask.target)
        if known is None:
            known = self._answered[ask.target] = self._checked(ask)
        return known

    def _checked(self, ask: Ask) -> Checked:
        answers: dict[str, list[OneBackend]] = {}
        places: list[tuple[OneBackend, GroupReport | UngroupedDevice]] = []
        groups = by_group(ask.functions)
        numbers = sorted(number for number in groups if number is not None)
        for number in numbers:
            asked = self._groups[number]
            for backend, verdict in asked.report.deciding(self._report):
                answer = self._of_group(asked, groups[number], backend, verdict)
                answers.setdefault(backend, []).append(answer)
                places.append((answer, asked.report))
        for name in groups.get(None, {}):
            for backend in self._report.counting or ("",):
                answer = self._of_lone(name, backend)
                answers.setdefault(backend, []).append(answer)
                places.append((answer, self._alone[name]))
        backends = tuple([(name, max(each, key=_rank)) for name, each in answers.items()])
        worst = max([answer for _, answer in backends], key=_rank)
        devices = list(self._devices(ask))
        against = tuple(objections(devices, self._how))
        return Checked(
            target=ask.target,
            answer=worse(worst.answer, against),
            groups=tuple([self._groups[number].report for number in numbers]),
            bind=self._to_bind(ask, devices),
            backends=backends,
            blockers=worst.blockers,
            errno=worst.errno,
            call=worst.call,
            devices=tuple([device.name for device in devices]),
            needed=self._needed(devices, worst.blockers),
            objections=against,
            unsure=self._unsure(devices),
            interrupts=self._how.interrupts,
            causes=self._why(worst, next(place for each, place in places if each is worst)),
        )

    def _why(
        self, answer: OneBackend, place: GroupReport | UngroupedDevice
    ) -> tuple[CauseReport, ...]:
        """The causes of the worst answer, that of its first errno first; none of a yes."""
        if answer.answer is Attach.YES:
            return ()
        from vfioguard.judging.causes import causes_of_answer

        return causes_of_answer(self._host, place, answer)

    def _asked(self, group: GroupReport, alone: Mapping[str, None], *, whole: bool) -> _Asked:
        members = self._host.snapshot.group(group.id)
        assert members is not None, "a Report has the groups of its Snapshot"
        named = {
            device.name: device
            for device in members.devices
            if device.name in alone or (whole and self._takes(device))
        }
        return _Asked(members, group, named)

    def _takes(self, device: Device) -> bool:
        return drivers.takes(self._host.snapshot, device).truth is not False

    def _devices(self, ask: Ask) -> Iterator[Device]:
        """The devices that a guest gets for this target."""
        for number, name in ask.functions:
            named = self._known if number is None else self._groups[number].named
            if name in named:
                yield named[name]

    def _to_bind(self, ask: Ask, devices: Iterable[Device]) -> tuple[str, ...]:
        """The devices of the target that are not on a VFIO driver yet, and can be."""
        if self._how.now or self._how.interrupts:
            return ()
        grouped = {name for number, name in ask.functions if number is not None}
        return tuple(
            [
                device.name
                for device in devices
                if device.name in grouped and not drivers.is_taken(device) and self._takes(device)
            ]
        )

    def _unsure(self, devices: Iterable[Device]) -> tuple[str, ...]:
        """What the host may need one of the devices for, if that would refuse it."""
        beside = self._how.beside
        known = beside.needed or {}
        open_ = self._how.sparing and any(known.get(device.name) == () for device in devices)
        return beside.unsure if open_ else ()

    def _needed(
        self, devices: Iterable[Device], blockers: Iterable[Blocker]
    ) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        """What the host needs the devices for, and those that stand in their way."""
        needed = self._how.beside.needed
        if needed is None:
            return None
        names = [device.name for device in devices]
        names += [each.device or "" for each in blockers if each.name == NOT_VIABLE]
        return tuple([(name, needed[name]) for name in dict.fromkeys(names) if needed.get(name)])

    def _of_group(
        self, asked: _Asked, mine: Mapping[str, None], backend: str, verdict: Verdict
    ) -> OneBackend:
        missing = backend or self._report.chosen.backend
        if not backend or not self._host.has_backend(backend):
            none = without_backend(self._host, missing) if missing else nothing(verdict)
            return OneBackend(
                answer=none.attach,
                blockers=none.blockers,
                errno=none.errno,
                call=none.call,
            )
        if self._how.interrupts and exempt.is_noiommu(asked.members):
            return OneBackend(Attach.UNKNOWN)  # no interrupt rule, and most backends refuse it
        own = interrupt_step(self._host, asked.members, backend, verdict)
        met = [] if self._how.interrupts else self._all_met(asked, backend).by(mine)
        answer, errno, call = conclude(own, [each for kind, each in met if not kind.told])
        return OneBackend(answer=answer, blockers=shown(met), errno=errno, call=call)

    def _of_lone(self, name: str, backend: str) -> OneBackend:
        from vfioguard.judging.check_ungrouped import answer

        return answer(self._host, self._known[name], self._alone[name], backend, self._how)

    def _all_met(self, asked: _Asked, backend: str) -> Met:
        """What blocks the group's attach: found once, however many of its members are asked for."""
        key = asked.report.id, backend
        known = self._met.get(key)
        if known is None:
            known = self._met[key] = met_by_member(self._blocked(asked, backend))
        return known

    def _blocked(self, asked: _Asked, backend: str) -> list[tuple[Kind, Blocked]]:
        """All that blocks a guest that gets the devices named. What cannot be bound stays."""
        attempt = Attempt(
            host=self._host,
            members=asked.members,
            backend=backend,
            binding=(),
            used=tuple(asked.named.values()),
            as_is=self._how.now,
            holders=asked.report.holders or (),
            overrides=self._how.beside.overrides,
        )
        bound = plain.is_bound(asked.members, self._host.witnesses)
        kinds = plain.kinds() if bound and not asked.report.holders else None
        if self._how.now:
            return all_blocked(attempt, kinds)
        binding = [device for device in asked.named.values() if not drivers.is_taken(device)]
        tried = attempt._replace(binding=tuple(binding))
        met = all_blocked(tried, kinds)
        unbound = [pair for pair in met if pair[1].call == BIND]
        stays = {each.device for kind, each in unbound if each.because.truth and not kind.told}
        if not stays:
            return met
        some = tried._replace(
            binding=tuple([device for device in binding if device.name not in stays]),
            used=tuple([device for device in attempt.used if device.name not in stays]),
        )
        rest = [(kind, each) for kind, each in all_blocked(some, kinds) if each.call != BIND]
        return unbound + rest


def _rank(answer: OneBackend) -> int:
    return rank(answer.answer)
