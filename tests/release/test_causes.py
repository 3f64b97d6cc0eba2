"""The page of causes and findings, against the leaves that it is made from."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from release.causes import page
from vfioguard import leaves

PAGE = Path(__file__).parent.parent.parent / "docs" / "causes.md"
LEAVES = [
    (package, leaf)
    for package in ("vfioguard.cause", "vfioguard.blocker", "vfioguard.finding")
    for leaf in leaves.names(package)
]


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run: make documents"


@pytest.mark.parametrize(("package", "leaf"), LEAVES, ids=lambda name: name)
def test_an_entry_says_what_the_leaf_says(package: str, leaf: str) -> None:
    entry = PAGE.read_text().split(f"### {leaf}\n")[1].split("\n### ")[0]
    said = inspect.getdoc(leaves.module(f"{package}.{leaf}")) or ""
    assert " ".join(said.split()) in " ".join(entry.split())
    if package == "vfioguard.blocker":
        assert "The rule: " in entry
