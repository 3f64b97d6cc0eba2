"""A target is found however people have it at hand, and what is not there is one clear line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Ask
from vfioguard.judging.evaluate import evaluate
from vfioguard.places import Places
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.memory import Entry, Memory
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
        ("GROUP:12", 12),
        ("Group 12", 12),
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
        "/dev/vfio/noiommu-3", "12", "group12", "/DEV/VFIO/12",
        "/dev/vfio/", "/dev/vfio/vfio", "/dev/vfio/12x", "/dev/vfio/devices/vfio3",
        "/sys/kernel/iommu_groups", "/sys/", "/sys", "/", "", "pci_0000_41_00", "pci_a_b_c_d",
        "pci_0000_41_00_0_1", f"{A} ", f"{A}x", "41:00", "0x41:00.0", "\N{SUPERSCRIPT TWO}",
        "group:\N{ARABIC-INDIC DIGIT THREE}", f"{A}\n", "8086:10d3x", "8086:10d3:", "8086:10d",
        "8086:10d3 ", "[8086:10d3", "0x8086:0x10dg", "8086:ffff", "/dev/vfio/devices/vfio9",
        "/dev/vfio/devices/", "/dev/vfio/devices/vfio3/", "eth0", "\0", "\x1b[2J", "\udcff",
        A * 100_000, "/" * 1_000_000, "_" * 1_000_000, "pci_" + "_" * 1_000_000,
        "group:" + "9" * 1_000_000, "/sys/" + "a/" * 500_000,
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_line(target: str) -> None:
    with pytest.raises(NoTarget) as raised:
        TARGETS.find(target)
    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).isprintable()
    assert re.search(r"; (there are|did you mean) |; there is none$", str(raised.value))


@pytest.mark.parametrize("target", ["12", "group12", "GROUP12"])
def test_a_bare_number_may_be_meant_as_a_group(target: str) -> None:
    with pytest.raises(NoTarget, match=f"no device '{target}' here; did you mean group:12\\?"):
        TARGETS.find(target)


def test_the_node_of_a_no_iommu_group_is_one_only_there() -> None:
    name = {"/sys/kernel/iommu_groups/12/name": b"vfio-noiommu\n"}
    targets = Targets(evaluate(take(Memory(HOST | name)), "now"))
    named = targets.find("/dev/vfio/noiommu-12")
    assert isinstance(named, GroupReport)
    assert named.id == 12
    with pytest.raises(NoTarget):
        targets.find("/dev/vfio/noiommu-3")


def test_an_address_that_several_domains_have_names_them() -> None:
    with pytest.raises(NoTarget) as raised:
        TARGETS.find("41:00.1")
    assert str(raised.value) == f"41:00.1 is in 2 PCI domains: say which, {B}, {TWIN}"


@pytest.mark.parametrize(
    "target", ["8086:10d3", "8086:10D3", "0x8086:0x10d3", "0X8086:10D3", "[8086:10d3]"]
)
def test_an_id_is_all_functions_that_have_it(target: str) -> None:
    functions = ((3, A), (3, B), (12, TWIN), (13, "10000:e1:00.0"))
    assert TARGETS.ask(target) == Ask("8086:10d3", functions)


def test_what_is_about_one_device_is_told_the_functions_of_an_id() -> None:
    with pytest.raises(NoTarget, match=f"^8086:10d3 is 4 functions: say which, {A}, {B}, "):
        TARGETS.find("8086:10d3")


def test_an_id_that_one_function_has_is_this_function() -> None:
    targets = Targets(evaluate(take(Memory(x86_host({7: [Function(A)]}))), "now"))
    named = targets.find("8086:10D3")
    assert isinstance(named, GroupReport)
    assert (named.id, targets.canonical("8086:10D3")) == (7, A)


def on_vfio() -> dict[str, Entry]:
    """A host whose function has a node of its own below /dev/vfio/devices."""
    host = x86_host({3: [Function(A, driver="vfio-pci")]})
    place = f"/sys/devices/pci0000:41/{A}"
    return host | {
        f"{place}/vfio-dev/vfio3/dev": b"511:3\n",
    }


def test_the_node_of_a_device_is_the_device() -> None:
    targets = Targets(evaluate(take(Memory(on_vfio())), "now"))
    assert targets.ask("/dev/vfio/devices/vfio3") == Ask(A, ((3, A),))
    with pytest.raises(NoTarget, match=r"; there are /dev/vfio/devices/vfio3$"):
        targets.ask("/dev/vfio/devices/vfio33")


def test_an_interface_is_its_function() -> None:
    targets = Targets(REPORT, interfaces={"eth0": A})
    assert targets.ask("eth0") == Ask("eth0", ((3, A),))
    assert targets.canonical("eth0") == A


def test_where_nobody_looked_for_interfaces_it_is_said_who_does() -> None:
    with pytest.raises(NoTarget, match=r"known by name to `vfioguard check` alone$"):
        TARGETS.find("eth0")
    with pytest.raises(NoTarget) as raised:
        Targets(REPORT, interfaces={}).find("eth0")
    assert "vfioguard check" not in str(raised.value)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("0000:41:00.2", f"{A} or {B}"),
        ("0000:14:00.0", A),
        ("0000:1:00.0", A),
        ("41:0.0", A),
        (f"{A}x", A),
        ("group:4", "group:3"),
        ("group:21", "group:12"),
        ("8086:103d", "8086:10d3"),
        ("8085:10d3", "8086:10d3"),
    ],
)
def test_a_slip_is_told_what_may_be_meant(target: str, meant: str) -> None:
    with pytest.raises(NoTarget) as raised:
        TARGETS.find(target)
    close = str(raised.value).partition("; did you mean ")[2].partition("?")[0].split(" or ")
    assert set(meant.split(" or ")) <= set(close)


class Steps(dict[str, int]):
    """A table of names that counts how often all of it is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        type(self).looks += 1
        return super().__iter__()


def test_no_target_costs_a_look_at_all_names() -> None:
    places = Places(REPORT).prepare()
    for table in ("group_of", "with_id", "ungrouped", "nodes"):
        places.__dict__[table] = Steps(getattr(places, table))
    targets = Targets(REPORT, places)
    Steps.looks = 0
    for target in ("41:00.0", A, "group:3", "group:99", "8086:10d3", "8086:ffff", "99:00.0", "x"):
        try:
            targets.ask(target)
        except NoTarget:
            continue
    assert Steps.looks == 0


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
