"""What a reading of a followed host looks at."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from tests.serve.serving import Clock
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.senses.hint import LISTINGS, NOTHING, POLL


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_functions_that_come_or_go_without_a_word_are_found_by_a_poll(
    tmp_path: Path, before: int, after: int
) -> None:
    root = write(tmp_path / "host", x86_host(before))
    reader = HostReader(root, NOTHING_CHOSEN)
    reader.read()
    shutil.rmtree(root)
    write(tmp_path / "host", x86_host(after))
    assert len(reader.read(NOTHING).report.groups) == before, "nobody looked"
    assert len(reader.read(POLL).report.groups) == after
    assert reader.readings == {"full": 1, "devices": 1, "listings": 1}


def test_what_went_by_an_event_and_came_back_unheard_is_found(tmp_path: Path) -> None:
    root = write(tmp_path / "host", x86_host(3))
    reader = HostReader(root, NOTHING_CHOSEN, clock=Clock())
    reader.read()
    reader.read(POLL)
    shutil.rmtree(root)
    write(tmp_path / "host", x86_host(1))
    assert len(reader.read(LISTINGS).report.groups) == 1
    shutil.rmtree(root)
    write(tmp_path / "host", x86_host(3))
    assert len(reader.read(POLL).report.groups) == 3


def test_a_list_that_takes_long_is_not_looked_at_with_each_poll(tmp_path: Path) -> None:
    root = write(tmp_path / "host", x86_host(1))
    ticks = itertools.count()
    reader = HostReader(
        root, NOTHING_CHOSEN, clock=lambda: 0.5 * next(ticks)
    )  # each look at it takes half a second
    reader.read()
    reader.read(POLL)
    shutil.rmtree(root)
    write(tmp_path / "host", x86_host(3))
    assert len(reader.read(POLL).report.groups) == 1
    for _ in range(1000):
        next(ticks)
    assert len(reader.read(POLL).report.groups) == 3


def test_a_poll_of_a_host_that_stays_lists_nothing_again(tmp_path: Path) -> None:
    reader = HostReader(write(tmp_path / "host", x86_host(3)), NOTHING_CHOSEN)
    first = reader.read().report
    assert reader.read(POLL).report.groups is first.groups
    assert reader.readings["listings"] == 0


def test_a_host_with_groups_and_no_pci_is_polled_in_peace(tmp_path: Path) -> None:
    host = {"/sys/kernel/iommu_groups/3/type": b"DMA\n"}
    reader = HostReader(write(tmp_path / "host", host), NOTHING_CHOSEN)
    assert len(reader.read().report.groups) == 1
    reader.read(POLL)
    assert reader.readings["listings"] == 0
