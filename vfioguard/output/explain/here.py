"""What this host says to a cause: whether it is possible here, in which groups, and in what words.

No fact is read for it: the Snapshot and the Report have them all. What neither has, such as the
holder of a group, is not known.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard import wording
from vfioguard.blocker.parts.binding import likely_needed
from vfioguard.inference import drivers
from vfioguard.kernel.devices import Device
from vfioguard.output.explain.no_group import advice, no_group
from vfioguard.output.explain.view import View, alone
from vfioguard.report import GroupReport
from vfioguard.symptom import About
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome

#: Characters of a list of groups that are shown.
_MOST = 48


class Seen(NamedTuple):
    """Whether a cause is possible here (None: not known), and the fact in words, or "".

    `groups` are those that it concerns, `commands` change it. `change` is what to do about it here,
    instead of what the tables say, or "".
    """

    possible: bool | None
    says: str = ""
    groups: tuple[int, ...] = ()
    commands: tuple[str, ...] = ()
    change: str = ""


UNKNOWN = Seen(None)


def seen(about: About | None, of: View) -> Seen:
    """What this host says to a cause that hangs on this fact."""
    if about is None or of.elsewhere:
        return UNKNOWN
    return _SEEN[about](of)


def listed(groups: list[GroupReport]) -> str:
    """Groups by their numbers: "group 3" or "groups 3-5, 9"; a long list is cut and counted."""
    numbers = sorted(group.id for group in groups)
    shown = wording.ranges(numbers)
    if len(shown) > _MOST:
        shown = f"{shown[:_MOST].rpartition(',')[0]} ... ({len(numbers)} groups)"
    return f"group{'s' if len(numbers) > 1 else ''} {shown}"


def _of(groups: list[GroupReport], says: str) -> Seen:
    return Seen(True, f"{says}: {listed(groups)}", tuple(group.id for group in groups))


def _interrupts(of: View) -> Seen:
    # Nobody attaches a group of bridges alone, unless the text names it.
    groups = [group for group in of.groups if group.attachable] or of.groups
    refused = [group for group in groups if group.outcome is Outcome.REFUSED]
    if refused:
        return _refused(of, refused)
    unknown = [group for group in groups if group.outcome is Outcome.UNKNOWN]
    if unknown:
        return _of(unknown, "not known to have isolated interrupts")._replace(possible=None)
    passed = [group for group in groups if group.outcome is Outcome.BY_OVERRIDE]
    if passed:
        return _of(passed, "let through by the override alone")._replace(possible=False)
    if not of.groups:
        return Seen(False, "there is no group that could be refused")
    return Seen(False, "no group would be refused for its interrupts")


def _refused(of: View, groups: list[GroupReport]) -> Seen:
    """The refused groups, and the cause of the first one's interrupts."""
    from vfioguard.judging.causes import causes_of

    told = _of(groups, "refused for their interrupts")
    others = {blocker.name for blocker in groups[0].attachment.blockers}
    causes = causes_of(of.host, groups[0], of.snapshot.group(groups[0].id))
    causes = tuple([cause for cause in causes if cause.name not in others])
    if not causes:
        return told
    says = f"{causes[0].sentence} {told.says[0].upper()}{told.says[1:]}"
    return told._replace(says=says, change=advice(causes[0]))


def _blocked(of: View, name: str, *, of_device: bool = False) -> Seen:
    """Whether the blocker of this name stands in the way of an attach of one of the groups.

    A blocker `of_device` says nothing about a device that the text does not name.
    """
    answers = [
        (group, attachment)
        for group in of.groups
        for _, attachment in group.attachments
        if attachment is not None
    ]
    blockers = [
        (group.id, blocker)
        for group, attachment in answers
        for blocker in attachment.blockers
        if blocker.name == name
    ]
    if not blockers:
        return Seen(False) if answers else UNKNOWN
    truths = [blocker.because.truth for _, blocker in blockers]
    claims = dict.fromkeys(blocker.because.claim for _, blocker in blockers)
    certain = any(truths) and (of.named or not of_device)
    numbers = tuple(dict.fromkeys(number for number, _ in blockers))
    says = f"{'' if any(truths) else 'perhaps '}{next(iter(claims))}"
    says += f" (and {len(claims) - 1} more)" if len(claims) > 1 else ""
    if not of.named:
        says += f", in {listed([group for group in of.groups if group.id in numbers])}"
    return Seen(
        possible=True if certain else None,
        says=says,
        groups=numbers,
        commands=tuple(dict.fromkeys(c for _, blocker in blockers for c in blocker.change)),
    )


def _memory(of: View) -> Seen:
    return _blocked(of, "firmware_memory")


def _members(of: View) -> Seen:
    """Members on drivers of the host, in groups that are named or have a member on VFIO."""
    ids = {group.id for group in of.groups if of.named or group.on_vfio}
    held: dict[int, list[Device]] = {}
    for members in of.snapshot.members:
        if members.group.id in ids:
            bad = [d for d in members.devices if drivers.spared(of.snapshot, d).truth is False]
            if bad:
                held[members.group.id] = bad
    mixed = [group for group in of.groups if group.id in held]
    if not mixed:
        return Seen(False, "no member of a group is on a driver of the host beside one on VFIO")
    devices = [device for bad in held.values() for device in bad]
    names = wording.listed([f"{device.name} {device.driver}" for device in devices])
    last = sorted(devices, key=likely_needed, reverse=True)
    takes = [d.name for d in last if drivers.takes(of.snapshot, d).truth]
    return Seen(
        possible=True,
        says=f"on a driver of the host: {names} in {listed(mixed)}",
        groups=tuple(held),
        commands=tuple(f"driverctl set-override {name} vfio-pci" for name in takes),
    )


def _groups(of: View) -> Seen:
    if of.alone or not of.report.groups:
        why, change = no_group(of.host, alone(of))
        gap = of.report.groups_read
        says = f"{of.alone[0].name} is {of.alone[0].reason}" if of.alone else why
        says = says or wording.no_groups(of.report)
        return Seen(True if of.alone or gap is None else None, says, change=change)
    if of.named:
        return Seen(False, f"it is in {listed(list(of.groups))}")
    return Seen(
        False if not of.report.ungrouped else None,
        f"{len(of.report.groups)} IOMMU groups; in none: {len(of.report.ungrouped)} PCI functions",
    )


def _held(of: View) -> Seen:
    if of.named and of.groups and not any(group.on_vfio for group in of.groups):
        return Seen(False, "no member is on a VFIO driver, so nobody can open it")
    return UNKNOWN


def _unbound(of: View) -> Seen:
    if not of.named:
        return UNKNOWN
    without = [group for group in of.groups if not group.on_vfio]
    if without:
        return _of(without, "without a member on a VFIO driver")
    return _blocked(of, "not_bound", of_device=True)


def _bridge(of: View) -> Seen:
    return _blocked(of, "bridge", of_device=True) if of.devices else UNKNOWN


def _denylist(of: View) -> Seen:
    return _blocked(of, "denylist", of_device=True)


def _coherency(of: View) -> Seen:
    return _blocked(of, "no_cache_coherency", of_device=True)


def _noiommu(of: View) -> Seen:
    return _blocked(of, "noiommu_group")


def _token(of: View) -> Seen:
    return _blocked(of, "vf_token", of_device=True)


def _functions(of: View) -> Seen:
    return _blocked(of, "vfs_enabled", of_device=True)


def _module(of: View) -> Seen:
    without = [group for group in of.groups if "no_backend" in group.causes]
    if without:
        from vfioguard.judging.causes import causes_of

        group = without[0]
        causes = causes_of(of.host, group, of.snapshot.group(group.id))
        cause = next(each for each in causes if each.name == "no_backend")
        return Seen(True, cause.sentence.rstrip("."), change=advice(cause))
    return _blocked(of, "module_not_loaded")


def _igd(of: View) -> Seen:
    return _blocked(of, "igd", of_device=True)


def _regression(of: View) -> Seen:
    return _blocked(of, "power_regression", of_device=True)


_SEEN: dict[About, Callable[[View], Seen]] = {
    About.INTERRUPTS: _interrupts,
    About.MEMORY: _memory,
    About.MEMBERS: _members,
    About.GROUPS: _groups,
    About.HELD: _held,
    About.BRIDGE: _bridge,
    About.COHERENCY: _coherency,
    About.DENYLIST: _denylist,
    About.NOIOMMU: _noiommu,
    About.REGRESSION: _regression,
    About.UNBOUND: _unbound,
    About.VF_KEY: _token,
    About.FUNCTIONS: _functions,
    About.MODULE: _module,
    About.IGD: _igd,
}
