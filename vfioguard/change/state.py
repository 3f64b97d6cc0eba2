"""The host at one moment, reduced to what a comparison needs; this is kept and compared.

As JSON, a Report of 16,384 groups takes 47 MB with its proofs; its State takes 3 MB.
"""

from __future__ import annotations

from vfioguard import unchanged
from vfioguard.fact import Why
from vfioguard.reason import general_reason
from vfioguard.report import GroupReport, Report
from vfioguard.typed import NamedTuple, TypeAlias
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
        """The key under which comparisons know the device."""
        return self.bus, self.name


class GroupState(NamedTuple):
    """A group and its verdict; `reason` says why it is not allowed, without names of devices."""

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

    `at` is the time when this state was first read (RFC 3339, UTC). `boot_id` is None if it is not
    known. `remapping` says whether x86's interrupt remapping is on, and is None if that is not
    known or the host is not an x86. `overrides` pairs a parameter with the value that an attach now
    would meet, or with None if that is not known. `groups_read` is False if the kernel's list of
    groups could not be read; `groups` are then not the host's groups.
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


class Remembered(NamedTuple):
    """A report and its state, from which `state_of` takes the groups that did not change."""

    report: Report
    state: State


def state_of(report: Report, boot_id: str | None, earlier: Remembered | None = None) -> State:
    """Reduce a report to its state.

    A group that is the same object in the `earlier` report keeps its earlier GroupState. Such a
    group costs 15 ns, any other 4 us.
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
        groups=_groups(report.groups, earlier),
        ungrouped=tuple(
            MemberState(bus="pci", name=d.name, driver=d.driver, pci_class=d.pci_class)
            for d in report.ungrouped
        ),
        findings=tuple(FindingState(f.name, f.severity, f.summary) for f in report.findings),
    )


def carried(before: State, after: State) -> State:
    """`after`; if its groups could not be read, with the groups of `before`.

    So groups that become readable again are compared with their last known state.
    """
    if after.groups_read:
        return after
    return after._replace(groups=before.groups, ungrouped=before.ungrouped)


def same(state: State, other: State) -> bool:
    """Whether the two states differ at most in the time when they were read."""
    return state._replace(at="") == other._replace(at="")


def _groups(groups: tuple[GroupReport, ...], earlier: Remembered | None) -> tuple[GroupState, ...]:
    if earlier is None or len(earlier.report.groups) != len(earlier.state.groups):
        return tuple([_group(group) for group in groups])
    if earlier.report.groups is groups:
        return earlier.state.groups
    differ = unchanged.differing(earlier.report.groups, groups)
    if differ is not None:  # as where nothing came or went
        states = list(earlier.state.groups)
        for index in differ:
            states[index] = _group(groups[index])
        return tuple(states)
    seen = {
        group.id: (group, state)
        for group, state in zip(earlier.report.groups, earlier.state.groups, strict=True)
    }
    kept: list[GroupState] = []
    for group in groups:
        former = seen.get(group.id)
        kept.append(former[1] if former is not None and former[0] is group else _group(group))
    return tuple(kept)


def _group(group: GroupReport) -> GroupState:
    return GroupState(
        id=group.id,
        outcome=group.outcome,
        needs_override=group.headline.needs_override,
        policy=group.headline.policy,
        reason="" if group.outcome is Outcome.ALLOWED else general_reason(group),
        members=tuple(
            [
                MemberState(bus=d.bus, name=d.name, driver=d.driver, pci_class=d.pci_class)
                for d in group.devices
            ]
        ),
    )
