"""What is false is said by what holds instead, on every recorded host and on generated ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.support import arm_firmware as arm
from tests.support.generated import broken_hosts, hosts
from tests.support.laws import examples
from tests.support.proofs import answers_of, one_liners
from vfioguard.judging.evaluate import evaluate
from vfioguard.judging.policies import policy_names
from vfioguard.logic import Answer, Claim
from vfioguard.reading.take import take
from vfioguard.report import Choice, Report
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.opening import open_root

FIXTURES = Path(__file__).parent / "fixtures"
HOSTS = sorted([*FIXTURES.glob("sysfs/*/*.tar.xz"), *FIXTURES.glob("field/*/*.tar.xz")])
#: How a sentence begins or goes on that only turns its claim around.
_MECHANICAL = re.compile(r"^(?:no|yes|unknown): |; (?:no|yes|unknown): |\bnot \(|it is not true")


def hold(root: Root) -> None:
    """Assert the laws for every policy by which a host can be judged."""
    snapshot = take(root)
    for policy in (None, *policy_names()):
        report = evaluate(snapshot, "now", Choice(policy))
        for answer in answers_of(report):
            assert_denied(answer)
        assert_plain(report)


def assert_denied(answer: Answer) -> None:
    if answer.truth is False:
        assert isinstance(answer.claim, Claim), answer.claim
        assert answer.claim.denied, answer.claim
        assert answer.said not in {answer.claim, f"not ({answer.claim})"}
    assert not _MECHANICAL.search(answer.said), answer.said


def assert_plain(report: Report) -> None:
    for line in one_liners(report):
        assert not _MECHANICAL.search(line), line


@pytest.mark.parametrize(
    "capture", HOSTS, ids=[f"{path.parent.name}/{path.name.split('.')[0]}" for path in HOSTS]
)
def test_what_is_false_on_a_recorded_host_is_said_by_what_holds(capture: Path) -> None:
    hold(open_root(str(capture)))


@given(hosts())
@settings(max_examples=examples(50))
def test_so_it_is_on_any_host(host: dict[str, Entry]) -> None:
    hold(Memory(host))


@given(broken_hosts())
@settings(max_examples=examples(50))
def test_so_it_is_where_files_cannot_be_read(host: dict[str, Entry]) -> None:
    hold(Memory(host))


BRIDGES: dict[str, Mapping[str, bytes]] = {
    "no map": {},
    "to the ITS": {"msi-map": arm.EVERY_ID},
    "to a frame": {"msi-map": arm.cells(0, arm.TO_V2M, 0, 0x10000)},
    "to ls-scfg": {"msi-map": arm.cells(0, arm.TO_LS, 0, 0x10000)},
    "to nobody": {"msi-map": arm.cells(0, arm.TO_NOBODY, 0, 0x10000)},
    "a part": {"msi-map": arm.cells(0x100, arm.TO_ITS, 0, 1)},
    "cells that are not whole": {"msi-map": b"\0\0"},
    "a parent": {"msi-parent": arm.cells(arm.TO_ITS)},
    "parents": {"msi-parent": arm.cells(arm.TO_ITS, arm.TO_V2M)},
    "a parent that is nobody": {"msi-parent": arm.cells(arm.TO_NOBODY)},
}


@pytest.mark.parametrize("bridge", BRIDGES)
@pytest.mark.parametrize("cmdline", [b"", b"irqchip.gicv3_nolpi=1\n"])
@pytest.mark.parametrize("release", ["4.12.0", "6.1.0", "6.12.0-arm64", "7.3.4"])
def test_so_it_is_whatever_a_device_tree_says(bridge: str, cmdline: bytes, release: str) -> None:
    nodes = arm.tree(BRIDGES[bridge])
    nodes |= {arm.V2M: arm.v2m_frame(), "/msi@1": arm.ls_scfg()}
    hold(Memory(arm.devicetree_host(nodes, cmdline=cmdline, release=release)))


def test_a_lookup_that_finds_a_controller_never_says_that_it_found_none() -> None:
    """The frame is found, and does not isolate."""
    nodes = arm.tree(BRIDGES["to a frame"]) | {arm.V2M: arm.v2m_frame()}
    host = arm.devicetree_host(nodes, cmdline=b"irqchip.gicv3_nolpi=1\n")
    (group,) = evaluate(take(Memory(host)), "now").groups
    said = [answer.said for answer in answers_of(evaluate(take(Memory(host)), "now"))]
    assert group.headline.isolated.truth is False
    assert not any("does not cover" in words for words in said)
    assert any(f"{arm.V2M} is no MSI controller that isolates" in words for words in said)
