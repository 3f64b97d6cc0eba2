"""Texts that differ only in ids are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.folding import fold, join, own, rows


@pytest.mark.parametrize(
    ("texts", "one"),
    [
        (["irq 24 is not remapped", "irq 9 is not remapped"], "irq 9 to 24 is not remapped"),
        (["at (id 0x60)", "at (id 0x8)", "at (id 0x100)"], "at (id 0x8 to 0x100)"),
        (["dmar10 remaps", "dmar9 remaps"], "dmar9 to dmar10 remaps"),
        (["/its@8080000, off", "/its@9080000, off"], "/its@8080000 to /its@9080000, off"),
        (["/a/b1: x", "/c/d2: x", "/e3: x"], "/a/b1 and 2 more: x"),
        (["smmu3.0x00a0 is off", "smmu3.0x00b0 is off"], "smmu3.0x00a0 and 1 more is off"),
        (["GICv2m is on", "GICv2m is on"], "GICv2m is on"),
        (["it is off"], "it is off"),
    ],
)
def test_what_differs_is_a_range_or_a_count(texts: list[str], one: str) -> None:
    assert rows(texts) == [one]


def test_other_words_are_another_text() -> None:
    assert rows(["irq 1 is on", "irq 2 is off", "irq 3 is on"]) == [
        "irq 1 to 3 is on",
        "irq 2 is off",
    ]


def test_versions_of_the_kernel_are_no_ids() -> None:
    texts = ["before v6.15 it is made", "before v5.19 it is made"]
    assert rows(texts) == texts


@pytest.mark.parametrize("name", ["0000:01:00.0", "dprc.2", "MSFT0201:00", "a b1", "is", "\0id"])
def test_a_name_of_its_own_is_a_device(name: str) -> None:
    assert (
        join([fold(f"IORT maps {name}, (id 0x60)", own([name]))]) == "IORT maps a device, (id 0x60)"
    )


ids = st.from_regex(
    r"0x[0-9a-f]{1,16}|[0-9]{1,40}|dmar[0-9]{1,9}|[0-9a-f]{4}:[0-9a-f]{2}:1f\.7", fullmatch=True
)
words = st.from_regex(r"[a-z]{1,8}[,:]?", fullmatch=True)


@given(st.lists(words, min_size=1, max_size=6), st.lists(ids, min_size=1, max_size=30))
def test_any_number_of_ids_is_one_short_row(before: list[str], numbers: list[str]) -> None:
    (row,) = rows([" ".join([*before, number, "is off"]) for number in numbers])
    assert row.startswith(" ".join(before))
    assert row.endswith(" is off")
    assert len(row) <= len(" ".join(before)) + 2 * max(map(len, numbers)) + 20


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_one_text_stays_as_it_is(text: str) -> None:
    assert rows([text]) == [text]
