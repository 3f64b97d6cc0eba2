"""A state survives being written; what is not one is one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.states import group, state, states
from vfioguard.change.codec import MARK, BadState, FutureState, decode, encode
from vfioguard.change.state import State
from vfioguard.fact import printable


def as_file(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


@given(states())
def test_what_was_written_is_what_is_read(one: State) -> None:
    assert decode(encode(one)) == one


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_any_number_of_groups_is_one_document(count: int) -> None:
    one = state({number: [f"0000:{number:04x}"] for number in range(count)})
    raw = encode(one)
    assert decode(raw) == one
    assert len(json.loads(raw)["groups"]) == count
    assert as_file(json.loads(raw)) == raw


def test_names_that_are_no_text_are_read_as_every_name_of_a_host() -> None:
    name = "\udcff\x1b[31m\n\u2028"
    kept = encode(state([group(0, [name])]))
    assert kept.isascii()
    assert decode(kept) == state([group(0, [printable(name)])])


@given(st.data())
def test_a_damaged_state_is_one_line(data: st.DataObject) -> None:
    raw = bytearray(encode(state({0: ["a"], 1: ["b"]})))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        decode(bytes(raw))
    except BadState as error:
        assert "\n" not in str(error)  # noqa: PT017 - a flipped digit may well be a state


@pytest.mark.parametrize(
    "field", [None, True, -1, 1.5, "x", [], {}, [[]], [[1, 2]], [None], "allowed", 1 << 40]
)
@pytest.mark.parametrize("name", sorted(json.loads(encode(state()))))
def test_a_field_of_another_type_is_no_state(name: str, field: object) -> None:
    document = json.loads(encode(state({0: ["a"]}, ungrouped=group(0, ["b"]).members)))
    document[name] = field
    raw = as_file(document)
    try:
        again = decode(raw)
    except BadState as error:
        assert "\n" not in str(error)  # noqa: PT017 - null is right for some of the fields
    else:
        assert encode(again) == raw


@pytest.mark.parametrize("name", sorted(json.loads(encode(state()))))
def test_a_missing_field_is_no_state(name: str) -> None:
    document = json.loads(encode(state()))
    del document[name]
    with pytest.raises(BadState):
        decode(as_file(document))


def test_a_later_version_is_not_guessed_at() -> None:
    with pytest.raises(FutureState, match="version 2"):
        decode(encode(state()).replace(MARK + b"1", MARK + b"2"))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", MARK, MARK + b"1" * 5000, b"\x00" * 100])
def test_other_bytes_are_no_state(raw: bytes) -> None:
    with pytest.raises(BadState):
        decode(raw)


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(BadState):
        decode(MARK + b"[" * 200_000)
