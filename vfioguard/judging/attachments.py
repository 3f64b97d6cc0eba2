"""Judge the whole attach of a group: the interrupts and all blockers, in the kernel's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from vfioguard import leaves
from vfioguard.attach import (
    BIND_IOMMUFD,
    CALLS,
    GET_DEVICE_FD,
    OPEN,
    SET_IOMMU,
    Attach,
    Attachment,
    Blocker,
    Call,
    rank,
)
from vfioguard.blocker import Attempt, Blocked, Kind
from vfioguard.inference import borders, drivers, exempt, regression
from vfioguard.inference.backends import lacks
from vfioguard.inference.host import Host
from vfioguard.judging import plain
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.verdict import NONE, Outcome, Verdict

_PLACE = {call: place for place, call in enumerate(CALLS)}
_OF_OUTCOME = {
    Outcome.ALLOWED: Attach.YES,
    Outcome.BY_OVERRIDE: Attach.BY_OVERRIDE,
    Outcome.REFUSED: Attach.NO,
}


class Attachments:
    """The attachments of the groups of one host.

    Nearly all groups have no blocker. They share the Attachment of their verdict's outcome. Others
    share the one of the group before, if it is equal.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._shared: dict[tuple[str, Attach, bool], Attachment] = {}
        # Every IOMMU of an x86 keeps caches coherent (inference/coherency.py).
        self._coherent_host = host.is_x86 or host.has(borders.COHERENCY_ASKED) is False
        loadable = host.snapshot.unloadable is None
        self._takes_functions = loadable and drivers.is_built(host.snapshot, "pci")
        self._members: Members | None = None
        self._bound: bool | None = None
        self._untaken: Attachment | None = None  # of these members, by any backend
        self._before: dict[str, Attachment] = {}
        cdevs, container = host.has_cdevs.truth, host.iommufd_container.truth
        self._without_node = cdevs is False and container is False
        self._regressed = regression.resumes_in_vain(host.snapshot) is not None

    def attachment(self, members: Members, backend: str, verdict: Verdict) -> Attachment:
        """The attachment of a group through a backend, whose interrupts have this verdict."""
        if members is not self._members:  # else another backend asks
            self._members, self._untaken = members, None
            self._bound = None
            if not self._regressed:
                self._bound = plain.is_bound(members, self._host.witnesses)
        bound = self._bound
        if bound is not None and self._is_plain(members, backend, bound=bound):
            return self._alike(members, backend, verdict, bound=bound)
        if self._untaken is not None:
            return self._untaken
        attachment = of_group(self._host, members, backend, verdict)
        before = self._before.setdefault(backend, attachment)
        if attachment != before:
            self._before[backend] = attachment
        else:
            attachment = before
        if len(attachment.blockers) == 1:
            only = attachment.blockers[0]
            if only.name == "no_vfio_driver" and only.device is None:
                self._untaken = attachment
        return attachment

    def _is_plain(self, members: Members, backend: str, *, bound: bool) -> bool:
        """Whether what blocks the plain group, if anything, blocks all that are like it."""
        if not bound:
            coherent = self._coherent_host or self._coherent(members)
            return coherent and self._takes_functions
        return backend != "iommufd" or plain.nodes(members) is (not self._without_node)

    def _coherent(self, members: Members) -> bool:
        return all(self._host.coherent(device).truth is True for device in members.devices)

    def _alike(
        self, members: Members, backend: str, verdict: Verdict, *, bound: bool
    ) -> Attachment:
        """The attachment of all plain groups whose interrupts have the same answer."""
        attach = interrupts(members, verdict)
        shared = self._shared.get((backend, attach, bound))
        if shared is None:
            unloaded = bound and not self._host.is_loaded(backend)
            if unloaded or (backend == "iommufd" and self._without_node):
                shared = of_group(self._host, members, backend, verdict, plain.kinds())
            else:
                refused = attach is Attach.NO
                shared = Attachment(
                    attach,
                    now=attach if bound else None,
                    errno="EPERM" if refused else None,
                    call=interrupt_call(self._host, members, backend) if refused else None,
                )
            self._shared[backend, attach, bound] = shared
        return shared


def of_group(
    host: Host,
    members: Members,
    backend: str,
    verdict: Verdict,
    asked: Sequence[Kind] | None = None,
) -> Attachment:
    """The attachment of a group, by the kinds of blockers `asked`, or by all."""
    asked = kinds() if asked is None else asked
    takers = [d for d in members.devices if drivers.can_take(host.snapshot, d) is not False]
    if not takers and members.devices:
        return _untaken(host, members, backend)
    bound = [device for device in takers if drivers.is_taken(device)]
    binding = tuple([device for device in takers if device not in bound])
    every = Attempt(
        host=host,
        members=members,
        backend=backend,
        binding=binding,
        used=tuple(takers),
        as_is=False,
    )
    own = interrupt_step(host, members, backend, verdict)
    whole = all_blocked(every, asked)
    lasting = [(kind, blocked) for kind, blocked in whole if kind.lasting]
    # A member that no VFIO driver takes stays on its host driver, whatever is bound for the attach.
    deciding = [blocked for kind, blocked in whole if kind.lasting or not kind.own]
    attach, errno, call = conclude(own, deciding)
    blockers = whole
    now: Attach | None = None
    if bound:
        as_is = every._replace(binding=(), used=tuple(bound), as_is=True)
        standing = all_blocked(as_is, asked)
        now, errno, call = conclude(own, [blocked for _, blocked in standing])
        blockers = lasting + [(kind, blocked) for kind, blocked in standing if not kind.lasting]
    return Attachment(attach=attach, now=now, blockers=shown(blockers), errno=errno, call=call)


def _untaken(host: Host, members: Members, backend: str) -> Attachment:
    """The attachment of a group that no VFIO driver takes a member of: nothing else matters."""
    from vfioguard.blocker.no_vfio_driver import BLOCKER

    attempt = Attempt(host=host, members=members, backend=backend, binding=(), used=(), as_is=False)
    blocked = [(BLOCKER, each) for each in BLOCKER.find(attempt)]
    first = blocked[0][1]
    return Attachment(attach=Attach.NO, blockers=shown(blocked), errno=first.errno, call=first.call)


def all_blocked(
    attempt: Attempt, asked: Sequence[Kind] | None = None
) -> list[tuple[Kind, Blocked]]:
    """All that blocks an attempt, by the kinds `asked`, or by all."""
    asked = kinds() if asked is None else asked
    return [(kind, blocked) for kind in asked for blocked in kind.find(attempt)]


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind of blocker."""
    return leaves.all_of("vfioguard.blocker", "BLOCKER", Kind)


def shown(blocked: Iterable[tuple[Kind, Blocked]]) -> tuple[Blocker, ...]:
    """The blockers as a Report has them: those first that the user meets first."""
    ordered = sorted(blocked, key=lambda pair: _order(pair[1]))
    return tuple(
        [
            Blocker(
                name=kind.name,
                lasting=kind.lasting,
                device=each.device,
                errno=each.errno,
                call=each.call,
                because=each.because,
                change=each.change,
            )
            for kind, each in ordered
        ]
    )


def _order(blocked: Blocked) -> tuple[int, int]:
    return _PLACE[blocked.call], blocked.place


def conclude(
    own: tuple[Attach, Blocked | None], blocked: list[Blocked]
) -> tuple[Attach, str | None, Call | None]:
    """The answer, and the first errno and call of it.

    `own` is the answer of the interrupts, with the step of the attach at which they refuse. They
    are None if what comes first is not known.
    """
    interrupted, step = own
    steps = sorted(blocked + ([step] if step else []), key=_order)
    truths = {each.because.truth for each in blocked}
    if interrupted is Attach.NO or True in truths:
        attach = Attach.NO
    elif None in truths:
        attach = Attach.UNKNOWN
    else:
        attach = interrupted
    if attach is not Attach.NO or steps[0].because.truth is None:
        return attach, None, None
    return attach, steps[0].errno, steps[0].call


def interrupt_step(
    host: Host, members: Members, backend: str, verdict: Verdict
) -> tuple[Attach, Blocked | None]:
    """The answer of the interrupts, and where they refuse or may refuse."""
    answer = interrupts(members, verdict)
    if answer not in {Attach.NO, Attach.UNKNOWN}:
        return answer, None
    blocks = ~verdict.isolated
    if verdict.policy == NONE and not exempt.is_noiommu(members):
        return answer, Blocked(
            device=None,
            errno="ENOENT",
            call=OPEN,
            place=1,
            because=blocks,
        )
    call = interrupt_call(host, members, backend)
    return answer, Blocked(
        device=None,
        errno="EPERM",
        call=call,
        place=0,
        because=blocks,
    )


def interrupts(members: Members, verdict: Verdict) -> Attach:
    """What the interrupt rule makes of the attach.

    An override that is on passes a group whose isolation is not known. A group that no IOMMU
    translates is put to no test. It passes by the option that lets VFIO take such devices.
    """
    if exempt.is_noiommu(members) and members.group.noiommu:
        return Attach.BY_OVERRIDE
    if verdict.override.truth and verdict.isolated.truth is None and verdict.policy != NONE:
        return Attach.BY_OVERRIDE
    return _OF_OUTCOME.get(verdict.outcome, Attach.UNKNOWN)


def interrupt_call(host: Host, members: Members, backend: str) -> Call:
    """The call in which the backend tests the interrupts (policy.md 5)."""
    if backend != "iommufd":
        return SET_IOMMU
    return GET_DEVICE_FD if host.cdev(members).truth is False else BIND_IOMMUFD


def worst(attachments: Iterable[Attachment]) -> Attachment:
    """The worst of several attachments."""
    return max(attachments, key=lambda each: (rank(each.worst), rank(each.attach)))


def nothing(verdict: Verdict) -> Attachment:
    """The attachment of a host that has no backend, or whose backends are not known."""
    answer = _OF_OUTCOME.get(verdict.outcome, Attach.UNKNOWN)
    claim = Answer("this kernel has no backend of VFIO", True, verdict.isolated.because)
    return _lacking(claim) if answer is Attach.NO else Attachment(answer)


def without_backend(host: Host, backend: str) -> Attachment:
    """The attachment through a backend that this kernel lacks, or may lack."""
    exists = host.backend_exists(backend)
    return _lacking(Answer(lacks(backend), None if exists.truth is None else True, exists.because))


def _lacking(claim: Answer) -> Attachment:
    blocker = Blocker(
        name="no_backend", lasting=True, device=None, errno="ENOENT", call=OPEN, because=claim
    )
    if claim.truth is None:
        return Attachment(Attach.UNKNOWN, blockers=(blocker,))
    return Attachment(Attach.NO, blockers=(blocker,), errno=blocker.errno, call=blocker.call)
