"""Kernels that are known to refuse virtual functions: told for an allowed group, too."""

from __future__ import annotations

import pytest

from tests.support.hosts import x86_host
from vfioguard.inference.host import Host
from vfioguard.judging.causes import regression_of
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root.memory import Entry, Link, Memory

NAME = "0000:01:00.0"


def regression(release: str, *, virtual: bool = True) -> CauseReport | None:
    host: dict[str, Entry] = x86_host(1, release=release)
    if virtual:
        host[f"/sys/devices/pci0000:01/{NAME}/physfn"] = Link("../0000:01:00.1")
    judged = judge(take(Memory(host)), "now", findings=False)
    (group,) = judged.report.groups
    return regression_of(Host(judged.snapshot), group, judged.snapshot.group(group.id))


@pytest.mark.parametrize("release", ["6.8.12-12-pve", "6.14.8-1-bpo12-pve", "6.14.8-2-pve"])
def test_a_virtual_function_meets_it(release: str) -> None:
    cause = regression(release)
    assert cause is not None
    assert cause.name == "vf_token_regression"
    assert NAME in cause.sentence
    assert "issues/322" in cause.rule


@pytest.mark.parametrize("release", ["6.8.12-11-pve", "6.14.5-1-bpo12-pve", "6.12.0-amd64"])
def test_another_kernel_has_none(release: str) -> None:
    assert regression(release) is None


def test_a_physical_function_does_not_meet_it() -> None:
    assert regression("6.8.12-12-pve", virtual=False) is None
