"""States of hosts: by hand in few words, and by hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from vfioguard.change.state import FindingState, GroupState, MemberState, State
from vfioguard.verdict import Outcome

NOW = "2026-11-22T18:00:00Z"
_NEEDS = {Outcome.ALLOWED: False, Outcome.BY_OVERRIDE: True, Outcome.REFUSED: True}


def group(number: int, names: Sequence[str], outcome: Outcome = Outcome.ALLOWED) -> GroupState:
    return GroupState(
        id=number,
        outcome=outcome,
        needs_override=_NEEDS.get(outcome),
        policy="predicate",
        reason="" if outcome is Outcome.ALLOWED else "a device has no MSIs that isolate",
        members=tuple(_member(name, "e1000e") for name in names),
    )


def state(
    groups: Mapping[int, Sequence[str]] | Sequence[GroupState] = (), **fields: object
) -> State:
    """A host with these groups: allowed ones if only their members are given.

    `fields` replace fields of the `State`.
    """
    if isinstance(groups, Mapping):
        groups = [group(number, names) for number, names in groups.items()]
    plain = State(
        at=NOW,
        boot_id="b1",
        kernel="6.12.0",
        remapping=True,
        policies=("predicate",),
        overrides=(("vfio_iommu_type1.allow_unsafe_interrupts", False),),
        groups_read=True,
        groups=tuple(groups),
        ungrouped=(),
        findings=(),
    )
    return plain._replace(**fields)  # type: ignore[arg-type]


def _member(name: str, driver: str | None) -> MemberState:
    return MemberState(bus="pci", name=name, driver=driver, pci_class=0x020000)


_names = [f"0000:{number:02x}:00.0" for number in range(9)]
_truths = st.sampled_from([None, False, True])


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any host of nine devices: each is in a group, in no group, or not there."""
    places = draw(st.lists(st.integers(-2, 5), min_size=len(_names), max_size=len(_names)))
    empty = draw(st.sets(st.integers(0, 5), max_size=2))
    members: dict[int, list[MemberState]] = {number: [] for number in empty}
    for name, place in zip(_names, places, strict=True):
        driver = draw(st.sampled_from([None, "e1000e", "vfio-pci"]))
        members.setdefault(place, []).append(_member(name, driver))
    members.pop(-2, None)
    ungrouped = tuple(members.pop(-1, ()))
    groups = tuple(
        GroupState(
            id=number,
            outcome=draw(st.sampled_from(Outcome)),
            needs_override=draw(_truths),
            policy="p",
            reason="",
            members=tuple(devices),
        )
        for number, devices in sorted(members.items())
    )
    return State(
        at=NOW,
        boot_id=draw(st.sampled_from([None, "b1", "b2"])),
        kernel=draw(st.sampled_from([None, "6.1.0", "6.12.0"])),
        remapping=draw(_truths),
        policies=draw(st.sampled_from([(), ("a",), ("a", "b")])),
        overrides=draw(st.sampled_from([(), (("x", True),), (("x", False), ("y", None))])),
        groups_read=True,
        groups=groups,
        ungrouped=ungrouped,
        findings=draw(st.sampled_from([(), (FindingState("f", "warning", "one"),)])),
    )
