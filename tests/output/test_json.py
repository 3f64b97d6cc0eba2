"""JSON of the report: shared claims are rendered once, and proofs can be left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.serving import scan_of
from tests.support.hosts import x86_host
from vfioguard.fact import Fact, Gap, Why
from vfioguard.logic import Answer, Proof
from vfioguard.output import Style
from vfioguard.output.json import OUTPUT, group_json
from vfioguard.proof_json import Texts, claim_json, dumps

TEXT = st.text(st.characters(codec="ascii"), max_size=8)
FACTS = st.builds(Fact, st.none(), st.binary(max_size=300), TEXT)
GAPS = st.builds(Gap, st.sampled_from(Why), TEXT, TEXT, st.none() | TEXT)
TRUTHS = st.sampled_from((True, False, None))


def answers(parts: st.SearchStrategy[Proof]) -> st.SearchStrategy[Answer]:
    few = st.lists(parts, max_size=4)
    many = st.lists(FACTS, min_size=63, max_size=66)
    return st.builds(Answer, TEXT, TRUTHS, (few | few | few | many).map(tuple))


PROOFS: st.SearchStrategy[Answer] = answers(st.recursive(FACTS | GAPS, answers, max_leaves=20))


@given(st.lists(PROOFS, min_size=1, max_size=5), st.lists(st.integers(0, 4), max_size=12))
def test_the_text_is_that_of_the_values_in_whatever_order_claims_are_shared(
    pool: list[Answer], order: list[int]
) -> None:
    texts = Texts()
    for number in order:
        shared, other = pool[number % len(pool)], pool[(number + 1) % len(pool)]

        def value(claim: Any, shared: Answer = shared, other: Answer = other) -> object:
            return {"a": claim(shared), "b": [claim(other), {"c": claim(shared)}], "d": '\x7f\x01"'}

        assert texts.of(value) == dumps(value(claim_json))


def test_a_claim_that_many_groups_share_is_rendered_twice_at_most() -> None:
    asked: list[int] = []

    class Noting(Fact):  # type: ignore[type-arg, misc]
        @property
        def source(self) -> str:  # type: ignore[override]
            asked.append(1)
            return "/sys/x"

    shared = Answer("shared", True, (Noting(None, b"Y", ""),))
    texts = Texts()
    for _ in range(100):
        texts.of(lambda claim: {"because": claim(shared)})
    assert len(asked) == 2


def test_a_claim_that_went_is_not_taken_for_the_one_in_its_place() -> None:
    texts = Texts()
    for number in range(200):  # each is freed by its maker, and its address is used again
        made = texts.of(lambda claim, number=number: [claim(Answer(f"{number}", True, ()))])
        assert json.loads(made)[0]["claim"] == str(number)


def report(**changes: Any) -> tuple[dict[str, Any], str]:
    text = OUTPUT.render(scan_of(x86_host(3, remapping=False)).report, Style(**changes))
    return json.loads(text), text


def leaves_of(value: object, name: str) -> list[object]:
    if isinstance(value, dict):
        inner = [found for each in value.values() for found in leaves_of(each, name)]
        return inner + ([value[name]] if name in value else [])
    if isinstance(value, list):
        return [found for each in value for found in leaves_of(each, name)]
    return []


def test_without_proofs_no_claim_is_left_and_each_answer_is_the_same() -> None:
    (full, long), (brief, short) = report(), report(proof=False)
    assert "claim" in long
    assert '"claim"' not in short
    assert not leaves_of(brief["groups"], "override")
    for name in ("outcome", "attach", "id", "needs_override"):
        whole, part = leaves_of(full["groups"], name), leaves_of(brief["groups"], name)
        assert set(map(str, whole)) == set(map(str, part)), name
    for group, same in zip(full["groups"], brief["groups"], strict=True):
        assert same["backends"].keys() == group["backends"].keys()
        for backend, verdict in group["backends"].items():
            expected = verdict and {name: verdict[name] for name in ("outcome", "attach")}
            assert same["backends"][backend] == expected
        told = {"backends", "series", "blockers"}
        assert {k: v for k, v in same.items() if k not in told} == {
            k: v for k, v in group.items() if k not in told
        }
        outcome = group["series"]["outcome"]
        assert same.get("series") == (None if outcome == group["outcome"] else {"outcome": outcome})


@pytest.mark.parametrize("host", [x86_host(4), x86_host(4, remapping=False)])
def test_4096_groups_without_proofs_are_two_and_a_half_megabytes(host: Any) -> None:
    groups = scan_of(host).report.groups
    assert max(len(dumps(group_json(group, None))) for group in groups) < 2_500_000 / 4096
