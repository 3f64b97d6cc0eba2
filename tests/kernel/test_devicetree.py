"""The device tree's words on MSI controllers."""

from __future__ import annotations

import contextlib
import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.faults import Watching
from vfioguard.fact import Fact, Gap, Malformed, Why
from vfioguard.kernel.firmware import devicetree, devicetree_values
from vfioguard.root.memory import Entry, Link, Memory, Refused

TREE = "/sys/firmware/devicetree/base"
ITS = f"{TREE}/interrupt-controller@30000000/gic-its@30020000"


def cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ({f"{ITS}/compatible": b"arm,gic-v3-its\0"}, False),
        ({f"{ITS}/{devicetree.PRE_ITS}": b""}, True),
        ({f"{TREE}/soc/vendor,bus@0/its/{devicetree.PRE_ITS}": b""}, True),
    ],
)
def test_a_pre_its_is_found_wherever_it_is(host: dict[str, Entry], found: bool) -> None:
    nodes = devicetree.read(Memory(host))
    assert isinstance(nodes, Fact)
    assert any(node.pre_its for node in nodes.value.values()) is found


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ({}, Why.ABSENT),
        ({f"{TREE}/a/x": b"", f"{TREE}/a": Refused(errno.EACCES)}, Why.DENIED),
        ({TREE: Refused(errno.EACCES)}, Why.DENIED),
    ],
)
def test_a_tree_that_cannot_be_read_whole_is_a_gap(host: dict[str, Entry], why: Why) -> None:
    nodes = devicetree.read(Memory(host))
    assert isinstance(nodes, Gap)
    assert nodes.why is why


def test_a_tree_that_links_to_itself_ends() -> None:
    loop: dict[str, Entry] = {f"{TREE}/soc/again": Link("..")}
    assert isinstance(devicetree.read(Memory(loop)), Fact | Gap)


def test_a_node_says_what_bears_on_msis() -> None:
    host: dict[str, Entry] = {
        f"{ITS}/compatible": b"arm,gic-v3-its\0",
        f"{ITS}/msi-controller": b"",
        f"{ITS}/#msi-cells": cells(1),
        f"{ITS}/phandle": cells(7),
        f"{ITS}/status": b"disabled\0",
        f"{TREE}/pcie@10000000/msi-map": cells(0, 7, 0, 0x10000),
        f"{TREE}/pcie@10000000/msi-map-mask": cells(0xFFFF),
    }
    nodes = devicetree.read(Memory(host))
    assert isinstance(nodes, Fact)
    its = nodes.value[ITS.removeprefix(TREE)]
    assert (its.msi_controller, its.enabled) == (True, False)
    assert isinstance(its.msi_cells, Fact)
    assert its.msi_cells.value == 1
    bridge = nodes.value["/pcie@10000000"]
    assert isinstance(bridge.msi_map, Fact)
    assert bridge.msi_map.value == (0, 7, 0, 0x10000)


def test_nodes_that_say_nothing_of_msis_are_listed_and_not_read() -> None:
    uarts = {f"{TREE}/soc/uart@{n:x}/compatible": b"acme,uart\0" for n in range(2000)}
    watching = Watching(Memory({**uarts, f"{ITS}/msi-controller": b""}))
    assert isinstance(devicetree.read(watching), Fact)
    assert not [path for path in watching.asked("read") if "/uart@" in path]
    assert len([path for path in watching.asked("listdir") if "/uart@" in path]) == 2000


def test_a_tree_of_more_nodes_than_any_board_has_is_a_gap() -> None:
    nodes: dict[str, Entry] = {f"{TREE}/soc/x@{n:x}": None for n in range(20_001)}
    assert isinstance(devicetree.read(Memory(nodes)), Gap)


@pytest.mark.parametrize("raw", [b"\0\0\0", bytes(17)])
def test_bytes_that_are_no_cells_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        devicetree_values.all_cells(raw)


CLOCK = f"{TREE}/apb-pclk"


def test_a_node_of_another_kind_is_there_where_a_map_names_it() -> None:
    host: dict[str, Entry] = {
        f"{CLOCK}/phandle": cells(5),
        f"{TREE}/other/phandle": cells(6),
        f"{TREE}/pcie@10000000/msi-map": cells(0, 5, 0, 8),
    }
    nodes = devicetree.read(Memory(host))
    assert isinstance(nodes, Fact)
    assert set(nodes.value) == {"/apb-pclk", "/pcie@10000000"}


def test_no_phandle_is_looked_for_where_maps_name_controllers_alone() -> None:
    host: dict[str, Entry] = {
        f"{CLOCK}/phandle": cells(5),
        f"{ITS}/msi-controller": b"",
        f"{ITS}/phandle": cells(7),
        f"{TREE}/pcie@10000000/msi-map": cells(0, 7, 0, 5),
    }
    watching = Watching(Memory(host))
    assert isinstance(devicetree.read(watching), Fact)
    assert f"{CLOCK}/phandle" not in watching.asked("read")


def test_what_is_above_a_controller_of_no_kind_is_read() -> None:
    its = f"{TREE}/intc/its@2f120000"
    host: dict[str, Entry] = {
        f"{its}/compatible": b"arm,gic-v5-its\0",
        f"{its}/msi-controller@2f130000/msi-controller": b"",
    }
    nodes = devicetree.read(Memory(host))
    assert isinstance(nodes, Fact)
    assert "/intc/its@2f120000" in nodes.value


@given(st.binary(max_size=64))
@pytest.mark.parametrize(
    "parser",
    [
        devicetree_values.first_cell,
        devicetree_values.cell,
        devicetree_values.all_cells,
        devicetree_values.iommu_map,
        devicetree_values.strings,
    ],
)
def test_a_parser_gives_a_value_or_malformed(parser: object, raw: bytes) -> None:
    assert callable(parser)
    with contextlib.suppress(Malformed):
        parser(raw)
