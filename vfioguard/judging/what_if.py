"""What if: the host with some states assumed, or under another kernel, and which groups change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vfioguard import leaves
from vfioguard.assumption import Assumption, NotHere, without_witnesses
from vfioguard.fact import Fact, Gap, Malformed, Why
from vfioguard.inference.host import Host
from vfioguard.judging import host_part
from vfioguard.judging.evaluate import Judged
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.judging.policies import policies
from vfioguard.kernel.identity import osrelease
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.report import GroupReport, Report
from vfioguard.snapshot import Snapshot
from vfioguard.verdict import Outcome, Shift

_VALUES = {"on": True, "off": False}


def names() -> tuple[str, ...]:
    """The names of the states that can be assumed; none is loaded."""
    return leaves.names("vfioguard.assumption")


def assume(snapshot: Snapshot, states: Sequence[str], kernel: str | None) -> Snapshot:
    """The host with these states ("intremap=on") under this kernel ("7.3").

    Raises `NotHere`, also for a state or a kernel that nobody knows, or both on and off.
    """
    assumed: dict[str, str] = {}
    for state in states:
        name, equals, value = state.partition("=")
        if name not in names() or not equals or value not in _VALUES:
            known = ", ".join(f"{known}=on|off" for known in names())
            raise NotHere(f"{state!r:.64} cannot be assumed; there are {known}")
        if assumed.setdefault(name, value) != value:
            raise NotHere(f"{name} cannot be on and off at once")
        leaf = leaves.load("vfioguard.assumption", name, "ASSUMPTION", Assumption)
        snapshot = leaf.assume(snapshot, _VALUES[value])
    return snapshot if kernel is None else _under(snapshot, kernel)


def _under(snapshot: Snapshot, kernel: str) -> Snapshot:
    """The facts of today under another release. Its functions follow from its number alone.

    The number has no sublevel unless it is given. So where stable releases differ, only what both
    forms say is known (inference/borders.py).
    """
    where = f"--kernel {kernel}"
    try:
        release = osrelease.parse(kernel.encode("ascii", "replace"))
    except Malformed as error:
        raise NotHere(f"{kernel!r:.64} is no release of Linux, such as 7.3 or 6.12.107") from error
    unknown = Gap(Why.ABSENT, where, "not the running kernel")
    under = snapshot._replace(
        kernel=snapshot.kernel._replace(
            release=Fact(release, kernel.encode(), where), predicate=unknown, stable=None
        )
    )
    return _remapping_under(snapshot, under, where)


def _remapping_under(today: Snapshot, under: Snapshot, where: str) -> Snapshot:
    """The host `under` another kernel, as far as that one remaps interrupts by an IVRS.

    The interrupts of today, which the running kernel remaps, would hide another rule: 7.3.4 wants
    another southbridge of an IVRS than 6.12 (policy.md 3.8).
    """
    if not is_x86(under.kernel.arch) or not isinstance(under.acpi.ivrs, Fact):
        return under
    from vfioguard.inference.remapping import allowed

    then = allowed.of_host(under).possible
    if then is False:
        from vfioguard.assumption.intremap import ASSUMPTION

        return ASSUMPTION.assume(under, False)
    return under if then is allowed.of_host(today).possible else without_witnesses(under, where)


def group_if(judged: Judged, number: int, states: Sequence[str], kernel: str | None) -> GroupReport:
    """The report on one group with these states, under this kernel. Raises `NotHere`.

    The other groups are not judged. Several threads may call this at once.
    """
    host = Host(assume(judged.snapshot, states, kernel))
    members = host.snapshot.group(number)
    assert members is not None, "no assumption takes a group away"
    part = host_part.of(host, policies(), judged.report.host.chosen)
    return GroupVerdicts(host, policies(), part).group(members)


def assuming(states: tuple[str, ...], today: Report, then: Report) -> Report:
    """The report `then` with what it assumes, and which groups differ from `today`."""
    return then._replace(
        host=then.host._replace(assumed=states), shifts=shifts(today.groups, then.groups)
    )


def shifts(before: Iterable[GroupReport], after: Iterable[GroupReport]) -> tuple[Shift, ...]:
    """The groups whose outcome differs, by what it was and would be; the most groups first."""
    alike: dict[tuple[Outcome, Outcome], list[int]] = {}
    for old, new in zip(before, after, strict=True):
        if old.outcome is not new.outcome:
            alike.setdefault((old.outcome, new.outcome), []).append(old.id)
    rows = [Shift(old, new, tuple(groups)) for (old, new), groups in alike.items()]
    return tuple(sorted(rows, key=lambda row: -len(row.groups)))
