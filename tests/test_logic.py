"""The laws of the three-valued logic, over random expressions of random readings."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.logic import Answer, Claim, Proof, agree, ask, every, some

TRUTHS = (True, False, None)


def leaf(truth: bool | None, name: str = "x") -> Answer:
    reading: Reading[bool] = (
        Gap(Why.FAILED, name, "EIO", "EIO") if truth is None else Fact(truth, b"", name)
    )
    return ask(name, reading, bool)


def kleene_and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


@pytest.mark.parametrize("left", TRUTHS)
@pytest.mark.parametrize("right", TRUTHS)
def test_every_and_some_are_kleenes_tables(left: bool | None, right: bool | None) -> None:
    negated = (None if x is None else not x for x in (left, right))
    conjunction = kleene_and(*negated)
    disjunction = None if conjunction is None else not conjunction
    parts = (leaf(left), leaf(right))
    assert every("c", parts).truth is kleene_and(left, right)
    assert some("c", parts).truth is disjunction


@pytest.mark.parametrize("truth", TRUTHS)
def test_not_is_kleenes(truth: bool | None) -> None:
    assert (~leaf(truth)).truth is (None if truth is None else not truth)


ON = Claim("it is on", "it is off", "nobody knows whether it is on")


@pytest.mark.parametrize(
    ("truth", "said"),
    [(True, "it is on"), (False, "it is off"), (None, "nobody knows whether it is on")],
)
def test_what_is_said_is_true(truth: bool | None, said: str) -> None:
    answer = leaf(truth)._replace(claim=ON)
    assert answer.said == said
    assert every(ON, (answer,)).said == some(ON, (answer,)).said == said
    assert agree(ON, (answer,)).said == said
    assert (~answer).said == said, "a denial of the denial is the claim"
    assert (~~answer).said == said


def test_a_claim_without_words_of_its_own_is_denied_and_doubted_in_plain_ones() -> None:
    assert leaf(True).said == "x"
    assert leaf(False).said == "it is not true that x"
    assert leaf(None).said == "it is not known whether x"
    assert (~leaf(True)).claim == "it is not true that x"


def test_a_claim_is_equal_to_its_text_and_may_stand_where_text_stands() -> None:
    assert ON == "it is on"
    assert hash(ON) == hash("it is on")
    assert json.dumps({"claim": ON}) == '{"claim": "it is on"}'
    assert Answer(ON, True, ()) == Answer("it is on", True, ())
    assert copy.deepcopy(ON).denied == pickle.loads(pickle.dumps(ON)).denied == "it is off"


def test_a_contradiction_is_said_to_be_one() -> None:
    answer = agree(ON, (leaf(True), leaf(False)))
    assert answer.said == "sources contradict each other on whether it is on"


def test_an_answer_is_not_a_bool() -> None:
    with pytest.raises(TypeError, match="truth"):
        bool(leaf(True))


def test_an_empty_set_needs_the_reading_that_says_so() -> None:
    with pytest.raises(ValueError, match="empty"):
        every("c", ())
    listing = Fact((), b"", "/sys/empty")
    assert every("c", (), over=listing) == Answer("c", True, (listing,))
    assert some("c", (), over=listing).truth is False


@pytest.mark.parametrize(
    ("truths", "together"),
    [
        ((True, None), True),
        ((False, None), False),
        ((None, None), None),
        ((True, True), True),
        ((True, False), None),
        ((True, False, None), None),
    ],
)
def test_witnesses_agree_or_are_unknown(
    truths: tuple[bool | None, ...], together: bool | None
) -> None:
    assert agree("c", map(leaf, truths)).truth is together


def test_a_contradiction_shows_both_sides() -> None:
    answer = agree("c", (leaf(True, "a"), leaf(None, "b"), leaf(False, "d")))
    assert [part.claim for part in answer.because if isinstance(part, Answer)] == ["a", "d"]
    assert "contradict" in answer.claim


# An expression over numbered readings, so that it can be evaluated again with a gap filled.
Expression = tuple[str, tuple["Expression | int", ...]]

expressions = st.recursive(
    st.integers(0, 5),
    lambda inner: st.tuples(
        st.sampled_from(["every", "some", "not"]), st.lists(inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)
valuations = st.lists(st.sampled_from(TRUTHS), min_size=6, max_size=6)


def evaluate(expression: object, values: list[bool | None]) -> Answer:
    if isinstance(expression, int):
        return leaf(values[expression], f"/{expression}")
    assert isinstance(expression, tuple)
    kind, inner = expression
    parts = [evaluate(part, values) for part in inner]
    if kind == "not":
        return ~parts[0]
    return (every if kind == "every" else some)(kind, parts)


def leaves(proof: Proof) -> Iterator[Fact[object] | Gap]:
    if isinstance(proof, Answer):
        for part in proof.because:
            yield from leaves(part)
    else:
        yield proof


def prove_again(answer: Answer) -> bool | None:
    """The truth of a proof from its kept parts alone."""
    parts = [part for part in answer.because if isinstance(part, Answer)]
    if not parts:
        reading = answer.because[0]
        assert not isinstance(reading, Answer)
        return None if isinstance(reading, Gap) else bool(reading.value)
    truths = [prove_again(part) for part in parts]
    if answer.claim not in {"every", "some"}:
        return None if truths[0] is None else not truths[0]
    decisive = answer.claim == "some"
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


@given(expressions, valuations)
def test_every_proof_ends_in_a_reading(expression: object, values: list[bool | None]) -> None:
    assert list(leaves(evaluate(expression, values)))


@given(expressions, valuations)
def test_the_kept_parts_alone_prove_the_same(expression: object, values: list[bool | None]) -> None:
    answer = evaluate(expression, values)
    assert prove_again(answer) is answer.truth


@given(expressions, valuations)
def test_an_unknown_names_only_gaps(expression: object, values: list[bool | None]) -> None:
    answer = evaluate(expression, values)
    if answer.truth is None:
        assert all(isinstance(reading, Gap) for reading in leaves(answer))


@given(expressions, valuations, st.integers(0, 5), st.booleans())
def test_filling_a_gap_never_flips_an_answer(
    expression: object, values: list[bool | None], index: int, fill: bool
) -> None:
    before = evaluate(expression, values).truth
    if values[index] is None:
        values[index] = fill
    after = evaluate(expression, values).truth
    assert before is None or after is before


@given(expressions, valuations)
def test_an_answer_is_the_same_whatever_unknowns_turn_out_to_be(
    expression: object, values: list[bool | None]
) -> None:
    answer = evaluate(expression, values).truth
    if answer is not None:
        for fill in (True, False):
            filled = [fill if value is None else value for value in values]
            assert evaluate(expression, list(filled)).truth is answer
