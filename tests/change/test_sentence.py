"""Changes as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.support.states import group, state, states
from vfioguard.change import Change, Kind
from vfioguard.change.compare import changes
from vfioguard.change.sentence import sentence, sentences
from vfioguard.change.state import FindingState, GroupState, MemberState, State
from vfioguard.output.change.json import change_json
from vfioguard.verdict import Outcome

A, B, C = (f"0000:0{number}:00.0" for number in range(3))
DISK, GPU = MemberState("pci", A, "ahci", 0x010601), MemberState("pci", B, None, 0x030000)


def holding(*members: MemberState) -> State:
    return state([GroupState(0, Outcome.ALLOWED, False, "p", "", members)])


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_change_has_a_sentence(kind: Kind) -> None:
    change = Change(kind=kind, subject="group:0", before=(A,), after=(B,), at="")
    assert sentence(change).strip()


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            holding(GPU),
            holding(DISK, GPU),
            f"{A} (SATA controller) now shares group 0 with {B} (VGA controller)",
        ),
        (holding(GPU, DISK), holding(GPU), f"{A} left group 0"),
        (holding(), holding(GPU), f"{B} (VGA controller) joined group 0"),
        (
            state({0: [A]}),
            state([group(0, [A], Outcome.REFUSED)._replace(reason="it has none")]),
            f"group 0 ({A} (Ethernet controller)): allowed -> refused (it has none)",
        ),
        (
            state(),
            state(kernel="6.13.0", remapping=False),
            "since kernel 6.13.0 interrupt remapping is off; it was on",
        ),
        (state(), state(boot_id="b2"), "the host was started anew"),
        (state(), state(groups_read=False), "the IOMMU groups can no longer be read"),
        (state({2: [A]}), state({5: [A]}), f"group 2 is group 5 now: {A} (Ethernet controller)"),
        (
            holding(DISK),
            holding(DISK._replace(driver=None)),
            f"{A} (SATA controller): driver ahci -> none",
        ),
        (
            state(findings=()),
            state(findings=(FindingState("f", "warning", "so it is"),)),
            "finding f: so it is",
        ),
        (
            state({0: [C]}),
            state({0: [C]}, ungrouped=(DISK,)),
            f"{A} (SATA controller) is new, and in no IOMMU group",
        ),
    ],
)
def test_the_first_line_is_the_news(before: State, after: State, line: str) -> None:
    assert sentences(changes(before, after))[0] == line


def test_what_changed_alike_shares_a_line() -> None:
    before = state({number: [f"d{number}"] for number in range(40)})
    after = state([group(n, [f"d{n}"], Outcome.REFUSED) for n in range(40)])
    (line,) = sentences(changes(before, after))
    assert line.startswith("40 groups (0-39): allowed -> refused (")


def test_new_numbers_share_a_line() -> None:
    found = changes(state({0: [A], 1: [B]}), state({3: [A], 4: [B]}))
    assert sentences(found) == [
        "2 groups have another number, with the same members: 0 -> 3, 1 -> 4"
    ]


def test_a_hostile_name_tricks_no_terminal() -> None:
    (line,) = sentences(changes(state(), state({0: ["\x1b[2J\u202e\n"]})))
    assert line.isascii()
    assert line.isprintable()


@given(states(), states())
def test_every_change_has_words_and_a_json_form(one: State, other: State) -> None:
    for change in changes(one, other):
        line = sentence(change)
        assert line.isascii()
        assert line.isprintable()
        shown = change_json(change)
        assert shown["kind"] in list(Kind)
        assert shown["summary"] == line
