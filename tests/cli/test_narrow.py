"""Which targets are answered by their own groups, and which take the whole host."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tests.support import hosts, trees
from tests.support.functions import Function
from vfioguard.cli import host
from vfioguard.cli.standing_by import Work
from vfioguard.fact import Fact

A, B, ELSEWHERE = "0000:01:00.0", "0000:02:00.0", "10000:02:00.0"
GROUPS = {3: [Function(A)], 4: [Function(B)], 5: [Function(ELSEWHERE)]}


def groups_read(root: str, *targets: str) -> list[int]:
    options = argparse.Namespace(
        root=root, acpi_tables=None, work=Work(), policy=None, backend=None
    )
    snapshot = host.read_for(options, targets, {})
    assert isinstance(snapshot.groups, Fact)
    return [members.group.id for members in snapshot.groups.value]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    release = {"/proc/sys/kernel/osrelease": b"6.12.9-amd64\n"}
    return trees.write(tmp_path_factory.mktemp("host"), hosts.x86_host(GROUPS) | release)


@pytest.mark.parametrize("target", [A, "01:00.0", "pci_0000_01_00_0", "group:3", "/dev/vfio/3"])
def test_an_address_or_a_number_takes_its_group_alone(root: str, target: str) -> None:
    assert groups_read(root, target) == [3]


@pytest.mark.parametrize("target", ["02:00.0", "03:00.0", "8086:10d3"])
def test_what_only_the_whole_host_tells_is_found_there(root: str, target: str) -> None:
    assert groups_read(root, target) == [3, 4, 5]
    assert groups_read(root, "01:00.0", target) == [3, 4, 5]


def test_a_host_without_pci_is_read_whole(tmp_path: Path) -> None:
    bare = {
        path: entry for path, entry in hosts.x86_host(GROUPS).items() if "/bus/pci/" not in path
    }
    assert groups_read(trees.write(tmp_path, bare), "01:00.0") == [3, 4, 5]
