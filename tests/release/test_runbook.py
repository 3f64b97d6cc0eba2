"""The tables of the runbook, against the leaves that they are made from."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from release import runbook
from tests.release.test_causes import LEAVES, PAGE

RUNBOOK = Path(__file__).parent.parent.parent / "docs" / "runbook.md"


def test_the_tables_are_fresh() -> None:
    assert RUNBOOK.read_text() == runbook.page(RUNBOOK.read_text()), "run: make documents"


def test_every_leaf_has_one_row_with_its_own_words() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(causes\.md#\1\) \| (.+) \| (.+) \|$", RUNBOOK.read_text(),
                      re.MULTILINE)  # fmt: skip
    assert Counter(name for name, _, _ in rows) == Counter(leaf for _, leaf in LEAVES)
    told = {leaf: runbook.row(package, leaf)[1:] for package, leaf in LEAVES}
    assert told == {name: (meaning, change) for name, meaning, change in rows}


@pytest.mark.parametrize(("package", "leaf"), LEAVES, ids=lambda name: name)
def test_a_link_leads_to_each_entry(package: str, leaf: str) -> None:
    """A heading's anchor is its text. Two headings with the same text would not be told apart."""
    assert PAGE.read_text().count(f"\n### {leaf}\n") == 1
    begins = runbook.row(package, leaf)[0]
    assert (package, begins) in runbook.TABLES.values()


def test_a_stale_table_is_replaced_and_a_hand_is_left_alone() -> None:
    by_hand = "# A page\n\n<!-- findings -->\n| old |\n<!-- end -->\n\nWords.\n"
    fresh = runbook.page(by_hand)
    assert fresh.startswith("# A page\n\n<!-- findings -->\n\n| finding | meaning | change |\n")
    assert fresh.endswith("<!-- end -->\n\nWords.\n")
    assert "| old |" not in fresh
    assert runbook.page(fresh) == fresh
    with pytest.raises(KeyError):
        runbook.page("<!-- causes on Mars -->\n<!-- end -->\n")


def test_a_leaf_that_does_not_say_what_to_change_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vfioguard.finding.__init__ does not end with"):
        runbook.row("vfioguard.finding", "__init__")
