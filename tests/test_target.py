"""A target is found however people have it at hand, and what is not there is one clear line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.memory import Memory
from vfioguard.target import NoTarget, Targets, spelled

A, B, TWIN = "0000:41:00.0", "0000:41:00.1", "10000:41:00.1"
HOST = x86_host(
    {3: [Function(A), Function(B)], 12: [Function(TWIN)], 13: [Function("10000:e1:00.0")]}
)
REPORT = evaluate(take(Memory(HOST)), "now")
TARGETS = Targets(REPORT)


def group(target: str) -> int:
    named = TARGETS.find(target)
    assert isinstance(named, GroupReport)
    return named.id


@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("group:12", 12),
        ("group 12", 12),
        ("/dev/vfio/12", 12),
        ("/dev/vfio/noiommu-12", 12),
        ("/sys/kernel/iommu_groups/12", 12),
        ("/sys/kernel/iommu_groups/12/", 12),
        (A, 3),
        ("41:00.0", 3),
        ("10000:E1:00.0", 13),
        ("e1:00.0", 13),
        ("E1:00.0", 13),
        ("pci_0000_41_00_0", 3),
        ("pci_10000_41_00_1", 12),
        (f"/sys/bus/pci/devices/{A}", 3),
        (f"/sys/bus/pci/devices/{A}/", 3),
        (f"/sys/devices/pci0000:40/0000:40:01.1/{A}", 3),
    ],
)
def test_a_target_is_found_as_people_have_it_at_hand(target: str, number: int) -> None:
    assert group(target) == number


@pytest.mark.parametrize(
    "target",
    [
        "group:012", "group:", "group: 12", "group:12x", "group:-3", "group:1e1", "group 12 ",
        "/dev/vfio/", "/dev/vfio/vfio", "/dev/vfio/12x", "/dev/vfio/devices/vfio3",
        "/sys/kernel/iommu_groups", "/sys/", "/sys", "/", "", "pci_0000_41_00", "pci_a_b_c_d",
        "pci_0000_41_00_0_1", f"{A} ", f"{A}x", "41:00", "0x41:00.0", "\N{SUPERSCRIPT TWO}",
        "group:\N{ARABIC-INDIC DIGIT THREE}", f"{A}\n",
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_line(target: str) -> None:
    with pytest.raises(NoTarget) as raised:
        TARGETS.find(target)
    assert len(str(raised.value).splitlines()) == 1
    assert "there are" in str(raised.value)


def test_an_address_that_several_domains_have_names_them() -> None:
    with pytest.raises(NoTarget) as raised:
        TARGETS.find("41:00.1")
    assert str(raised.value) == f"41:00.1 is in 2 PCI domains: say which, {B}, {TWIN}"


def test_an_address_without_domain_costs_one_look_at_all_names() -> None:
    looks = 0

    class Names(dict[str, int]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    targets = Targets(REPORT, Names(TARGETS.group_of))
    for _ in range(9):
        assert targets.canonical("41:00.0") == A
    assert looks == 1


def test_the_path_of_a_missing_group_is_answered_with_the_groups() -> None:
    with pytest.raises(NoTarget, match=r"there are group:3, group:12, group:13$"):
        TARGETS.find("/dev/vfio/99")


PIECES = (
    "group:",
    "group ",
    "/dev/vfio/",
    "/sys/",
    "pci_",
    "_",
    "0000",
    ":",
    ".",
    "/",
    "12",
    A,
    "x",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6).map("".join))
def test_any_text_is_a_target_or_one_line(text: str) -> None:
    try:
        named = TARGETS.find(text)
    except NoTarget as error:
        message = str(error)
    else:
        assert isinstance(named, GroupReport)
        ends = (str(named.id), *(device.name[-7:] for device in named.devices))
        message = f"found, as its end says: {spelled(text).lower().endswith(ends)}"
    assert "False" not in message
    assert message.isprintable()
