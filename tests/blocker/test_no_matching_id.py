"""A function that no id of a VFIO driver matches is told, and decides nothing (no_matching_id)."""

from __future__ import annotations

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Ask, Attach, Beside, Blocker, How
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.root.memory import Memory

NAME = "0000:41:00.0"
PATH = f"/sys/bus/pci/devices/{NAME}/driver_override"


def told(driver: str | None, override: Reading[str] | None) -> tuple[Attach, list[Blocker]]:
    judged = judge(take(Memory(x86_host({1: [Function(NAME, driver=driver)]}))), "now")
    overrides = {} if override is None else {NAME: override}
    how = How(beside=Beside(overrides=overrides))
    groups = judged.report.groups
    (checked,) = check(judged, groups, [Ask(NAME, ((1, NAME),))], NOTHING_CHOSEN, how)
    return checked.answer, [each for each in checked.blockers if each.name == "no_matching_id"]


@pytest.mark.parametrize(
    ("override", "truth", "said"),
    [
        ("", None, f"{NAME} has no driver_override, and perhaps nobody gave vfio-pci its id"),
        ("nvidia", True, f"{NAME} is kept for nvidia by its driver_override"),
    ],
)
def test_it_is_told_and_the_answer_stays_yes(override: str, truth: bool | None, said: str) -> None:
    answer, (blocker,) = told("e1000e", Fact(override, b"", PATH))
    assert answer is Attach.YES
    assert (blocker.errno, blocker.call, blocker.lasting) == ("ENODEV", "bind", False)
    assert (blocker.because.truth, blocker.because.said) == (truth, said)
    assert blocker.change[0] == f"driverctl set-override {NAME} vfio-pci"
    assert "/unbind" in blocker.change[2]


def test_a_function_without_driver_need_not_be_unbound() -> None:
    _, (blocker,) = told(None, Fact("", b"", PATH))
    assert "/unbind" not in blocker.change[2]


@pytest.mark.parametrize(
    ("driver", "override"),
    [
        ("vfio-pci", Fact("", b"", PATH)),
        ("e1000e", Fact("vfio-pci", b"", PATH)),
        ("mlx5_core", Fact("mlx5_vfio_pci", b"", PATH)),
        ("e1000e", Gap(Why.ABSENT, PATH, "")),
        ("e1000e", None),
    ],
)
def test_where_an_id_matches_or_nobody_knows_nothing_is_told(
    driver: str, override: Reading[str] | None
) -> None:
    assert told(driver, override)[1] == []
