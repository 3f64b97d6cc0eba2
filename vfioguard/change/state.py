"""The host at one moment in as little as a comparison needs: what is kept, and held beside another.

A Report of 16,384 groups has 47 MB of proof as JSON; its State has 3.
"""

from typing import NamedTuple, TypeAlias

from vfioguard import unchanged, wording
from vfioguard.fact import Why
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome

#: (bus, name): two buses may have a device of the same name.
Key: TypeAlias = "tuple[str, str]"


class MemberState(NamedTuple):
    """A device. `pci_class` is the 24-bit class code."""

    bus: str
    name: str
    driver: str | None
    pci_class: int | None

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.bus, self.name


class GroupState(NamedTuple):
    """A group and the verdict on it; `reason` says why it is not allowed, without device names."""

    id: int
    outcome: Outcome
    needs_override: bool | None
    policy: str
    reason: str
    members: tuple[MemberState, ...]


class FindingState(NamedTuple):
    """A finding without its proof."""

    name: str
    severity: str
    summary: str


class State(NamedTuple):
    """The whole host.

    `at` is when it was read first (RFC 3339, UTC). `boot_id` is None where nobody may know it.
    `remapping` is x86's interrupt remapping, None where that is not known or there is none. An
    override is what an attach now would meet, None where that is not known. `groups_read` is False
    where the kernel's list of groups could not be read: `groups` are then not those of the host.
    """

    at: str
    boot_id: str | None
    kernel: str | None
    remapping: bool | None
    policies: tuple[str, ...]
    overrides: tuple[tuple[str, bool | None], ...]
    groups_read: bool
    groups: tuple[GroupState, ...]
    ungrouped: tuple[MemberState, ...]
    findings: tuple[FindingState, ...]


class Known(NamedTuple):
    """A report and its state: what `state_of` need not look at again."""

    report: Report
    state: State


def state_of(report: Report, boot_id: str | None, known: Known | None = None) -> State:
    """Reduce a report; groups that are the very objects of a `known` report are taken from there.

    Such groups cost 15 ns each, others 4 us.
    """
    host = report.host
    gap = report.groups_read
    return State(
        at=report.generated_at,
        boot_id=boot_id,
        kernel=host.kernel,
        remapping=None if host.remapping is None else host.remapping.truth,
        policies=(host.pinned,) if host.pinned else host.policies_in_force,
        overrides=tuple(
            (o.name, o.pending if o.value is None else o.value) for o in report.overrides
        ),
        groups_read=gap is None or gap.why is Why.ABSENT,
        groups=_groups(report.groups, known),
        ungrouped=tuple(
            MemberState(bus="pci", name=d.name, driver=d.driver, pci_class=d.pci_class)
            for d in report.ungrouped
        ),
        findings=tuple(FindingState(f.name, f.severity, f.summary) for f in report.findings),
    )


def carried(before: State, after: State) -> State:
    """`after`, with the groups of `before` where its own could not be read.

    So that groups which become readable again are compared with what was last known of them.
    """
    if after.groups_read:
        return after
    return after._replace(groups=before.groups, ungrouped=before.ungrouped)


def same(one: State, other: State) -> bool:
    """Whether they differ in nothing but when they were read."""
    return one._replace(at="") == other._replace(at="")


def _groups(groups: tuple[GroupReport, ...], known: Known | None) -> tuple[GroupState, ...]:
    if known is None or len(known.report.groups) != len(known.state.groups):
        return tuple([_group(group) for group in groups])
    if known.report.groups is groups:
        return known.state.groups
    differ = unchanged.differing(known.report.groups, groups)
    if differ is not None:  # as where nothing came or went
        states = list(known.state.groups)
        for at in differ:
            states[at] = _group(groups[at])
        return tuple(states)
    seen = {
        group.id: (group, state)
        for group, state in zip(known.report.groups, known.state.groups, strict=True)
    }
    kept: list[GroupState] = []
    for group in groups:
        was = seen.get(group.id)
        kept.append(was[1] if was is not None and was[0] is group else _group(group))
    return tuple(kept)


def _group(group: GroupReport) -> GroupState:
    return GroupState(
        id=group.id,
        outcome=group.outcome,
        needs_override=group.headline.needs_override,
        policy=group.headline.policy,
        reason="" if group.outcome is Outcome.ALLOWED else wording.general_reason(group),
        members=tuple(
            [
                MemberState(bus=d.bus, name=d.name, driver=d.driver, pci_class=d.pci_class)
                for d in group.devices
            ]
        ),
    )
