"""The pages of the policies, against the leaves that they are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.policies import headings, pages
from vfioguard import leaves
from vfioguard.policy import Policy

REPOSITORY = Path(__file__).parent.parent.parent
DIRECTORY = REPOSITORY / "docs" / "policies"
POLICIES = leaves.all_of("vfioguard.policy", "POLICY", Policy)


def test_the_pages_are_fresh() -> None:
    committed = {path.name: path.read_text() for path in DIRECTORY.iterdir()}
    assert committed == pages(), "run: make documents"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_page_says_what_the_leaf_says_and_where_to_read_on(policy: Policy) -> None:
    page = (DIRECTORY / f"{policy.name}.md").read_text()
    for said in (policy.kernels, policy.summary, policy.source, policy.backend or "no backend"):
        assert said in page
    sections = page.split("## Read on\n")[1]
    assert any(f"[policy.md {number}: {title}]" in sections for number, title in headings())


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_theory_links_to_the_page_of_a_policy(policy: Policy) -> None:
    assert f"(policies/{policy.name}.md)" in (REPOSITORY / "docs" / "policy.md").read_text()
