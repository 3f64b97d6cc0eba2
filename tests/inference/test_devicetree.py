"""The domains that kernels gave by edited device trees (policy.md 10.3), and all of of_map_id()."""

from __future__ import annotations

import pytest

from tests.support.arm_firmware import (
    EVERY_ID,
    ITS,
    ITS_LINES,
    TO_ITS,
    TO_LS,
    TO_NOBODY,
    Tree,
    add_member,
    cells,
    devicetree_host,
    isolated,
    ls_scfg,
    safe_in_2016,
    tree,
)

NIC = "0000:00:02.0"
PORT, BELOW = "0000:00:01.0", "0000:00:01.0/0000:01:00.0"
ONE_CELL = {"#msi-cells": cells(1)}
#: Phandles of a node that is not a controller, and of controllers with two cells and with none.
TO_CLOCK, TO_TWO, TO_NONE = 5, 6, 7
RELEASES = ("6.12.0-arm64", "7.3.4-arm64")
per_device = pytest.mark.parametrize("release", RELEASES)


@per_device
@pytest.mark.parametrize(
    ("bridge", "truth"),
    [
        ({"msi-map": EVERY_ID}, True),
        ({}, False),
        ({"msi-map": b""}, False),
        ({"msi-map": cells(0x10, TO_ITS, 0x10, 8)}, True),
        ({"msi-map": cells(0x11, TO_ITS, 0x10, 8)}, False),
        ({"msi-map": cells(0, TO_ITS, 0, 0x10)}, False),
        ({"msi-map": cells(0, TO_ITS, 0, 0x11)}, True),
        ({"msi-map": cells(0, TO_ITS, 0, 0)}, False),
        ({"msi-map": cells(0, TO_NOBODY, 0, 0x10000)}, False),
        ({"msi-map": cells(0, TO_ITS, 0, 1), "msi-map-mask": cells(0xFF00)}, True),
        ({"msi-map": cells(0, TO_ITS, 0, 1), "msi-map-mask": cells(0xFF10)}, False),
        ({"msi-map": cells(0x10, TO_ITS, 0, 1), "msi-map-mask": cells(0xFF00)}, False),
        ({"msi-map": EVERY_ID, "msi-map-mask": b"\0"}, True),
        ({"msi-map": cells(0, TO_ITS, 0, 1), "msi-map-mask": cells(0xFF00, 7)}, True),
        ({"msi-parent": cells(TO_ITS, 0)}, True),
        ({"msi-parent": cells(TO_ITS)}, False),
        ({"msi-parent": cells(TO_NOBODY)}, False),
        ({"msi-parent": cells(0, TO_ITS, 0)}, True),
        ({"msi-parent": b""}, False),
        ({"msi-parent": cells(TO_ITS, 0), "msi-map": cells(0x20, TO_ITS, 0x20, 8)}, True),
        ({"msi-parent": cells(TO_ITS, 0), "msi-map": b""}, True),
    ],
)
def test_a_function_of_the_root_bus_gets_what_map_or_parent_say(
    bridge: dict[str, bytes], truth: bool, release: str
) -> None:
    assert isolated(devicetree_host(tree(bridge), release=release), NIC) is truth


def by_release(nodes: Tree) -> tuple[bool | None, ...]:
    """The answers of the last kernel with the old form, the first with the new, and one between."""
    releases = ("6.12.118-arm64", "7.2.13-arm64", "6.18.3-arm64")
    return tuple(isolated(devicetree_host(nodes, release=one), NIC) for one in releases)


@pytest.mark.parametrize(
    ("map_", "old", "new"),
    [
        (cells(0x10, TO_ITS, 0, 0xFFFFFFFF), False, True),  # the end of the range wraps
        (cells(0xFFFFFFF0, TO_ITS, 0, 0x20), False, False),
        (EVERY_ID + cells(1), False, True),  # what follows the match is not looked at
        (cells(1) + EVERY_ID, False, False),
        (cells(0x20, TO_NOBODY, 0, 8) + EVERY_ID, True, False),
        (cells(0x20, TO_CLOCK, 0, 8) + EVERY_ID, True, True),
        (EVERY_ID + cells(0, TO_NOBODY, 0, 8), True, True),
        (cells(0x20, TO_TWO, 0, 0, 8) + EVERY_ID, False, True),  # two cells of output
        (cells(0x10, TO_TWO, 0, 0, 1), False, False),  # leads to a node that is not an ITS
        (cells(0x20, TO_TWO, 0, 1) + cells(0x21, TO_TWO, 0, 1), False, False),
        (cells(0x20, TO_NONE, 8) + EVERY_ID, False, True),  # none
    ],
)
def test_a_map_is_read_by_the_form_of_the_release(map_: bytes, old: bool, new: bool) -> None:
    nodes = tree({"msi-map": map_})
    nodes["/apb-pclk"] = {"phandle": cells(TO_CLOCK)}
    nodes["/msi@2"] = ls_scfg(**{"phandle": cells(TO_TWO), "#msi-cells": cells(2)})
    nodes["/msi@3"] = ls_scfg(**{"phandle": cells(TO_NONE), "#msi-cells": cells(0)})
    assert by_release(nodes) == (old, new, old if old is new else None)


def test_a_map_of_one_cell_to_a_node_of_two_is_read_as_it_was_meant() -> None:
    two = {"#msi-cells": cells(2)}
    one = tree({"msi-map": cells(8, TO_ITS, 0, 1, 0x10, TO_ITS, 0, 1)}, its=two)
    assert by_release(one) == (True, True, True)
    many = tree({"msi-map": cells(8, TO_ITS, 0, 1, 0x10, TO_ITS, 0, 2)}, its=two)
    assert by_release(many) == (True, False, None)


@pytest.mark.parametrize("release", ["6.12.118-arm64", "7.2.13-arm64"])
def test_bytes_that_are_no_cells_map_nothing(release: str) -> None:
    nodes = tree({"msi-map": EVERY_ID + b"\0"})
    assert isolated(devicetree_host(nodes, release=release), NIC) is False


@per_device
def test_a_parent_without_cells_needs_none(release: str) -> None:
    nodes = tree({"msi-parent": cells(TO_ITS)})
    del nodes[ITS]["#msi-cells"]
    assert isolated(devicetree_host(nodes, release=release), NIC) is True


@pytest.mark.parametrize(
    ("release", "truth"),
    [
        ("4.19.322", False),
        ("4.19.323", True),
        ("5.10.223", False),
        ("5.10.227", True),
        ("6.1.112", False),
        ("6.1.176", True),
        ("6.6.54", False),
        ("6.6.55", True),
        ("6.11.2", False),
        ("6.12.0", True),
        ("6.6.0-1.el9.aarch64", None),
        ("6.1.0-50-arm64", None),
        ("6.8.0-45-generic", None),
        ("6.14.0-1013-nvidia-64k", True),
    ],
)
def test_whether_a_bridges_parent_may_have_cells_is_a_matter_of_the_stable_release(
    release: str, truth: bool | None
) -> None:
    nodes = tree({"msi-parent": cells(TO_ITS, 0)})
    assert isolated(devicetree_host(nodes, release=release), NIC) is truth


def test_without_the_number_only_what_both_forms_give_is_known() -> None:
    without = tree({"msi-parent": cells(TO_ITS)})
    del without[ITS]["#msi-cells"]
    nobody = tree({"msi-parent": cells(TO_NOBODY)})
    for nodes, truth in ((without, True), (nobody, False)):
        assert isolated(devicetree_host(nodes, release="6.1.0-50-arm64"), NIC) is truth


def test_before_cells_counted_a_bridge_had_one_parent() -> None:
    """of_parse_phandle() takes the first phandle, and finds nothing if no node has it."""
    for parents in (cells(0, TO_ITS), cells(TO_NOBODY, TO_ITS)):
        nodes = tree({"msi-parent": parents})
        del nodes[ITS]["#msi-cells"]
        assert isolated(devicetree_host(nodes, release="6.6.54"), NIC) is False


OLDEST = "5.10.223-arm64"


@pytest.mark.parametrize(
    ("cells_of_its", "parent", "bus", "member"),
    [
        ({"#msi-cells": cells(1)}, cells(TO_ITS, 0), False, True),
        ({"#msi-cells": cells(1)}, cells(0, TO_ITS, 0), False, False),
        ({"#msi-cells": cells(1)}, cells(TO_LS, TO_ITS, 0), False, False),
        ({}, cells(TO_ITS), True, True),
        ({}, cells(0, TO_ITS), False, False),
        ({}, cells(TO_LS, TO_ITS), False, False),
        ({}, cells(TO_NOBODY, TO_ITS), False, False),
        ({}, b"", False, False),
    ],
)
def test_of_msi_get_domain_of_5_10_223_takes_the_first_alone(
    cells_of_its: dict[str, bytes], parent: bytes, bus: bool, member: bool
) -> None:
    nodes: Tree = {**tree({"msi-parent": parent}), "/msi@1570000": ls_scfg(status=b"disabled\0")}
    del nodes[ITS]["#msi-cells"]
    nodes[ITS] |= cells_of_its
    nodes["/dma@1"] = {"msi-parent": parent}
    host = devicetree_host(nodes, release=OLDEST)
    add_member(host, "1.dma", node="/dma@1")
    assert (isolated(host, NIC), isolated(host, "1.dma")) == (bus, member)


@per_device
def test_an_unmapped_function_inherits_from_a_mapped_port(release: str) -> None:
    nodes = tree({"msi-map": cells(8, TO_ITS, 8, 1)})
    host = devicetree_host(nodes, (PORT, BELOW, NIC), release=release)
    assert isolated(host, PORT) is True
    assert isolated(host, "0000:01:00.0") is True
    assert isolated(host, NIC) is False


@per_device
def test_a_mapped_function_does_not_save_its_port(release: str) -> None:
    nodes = tree({"msi-map": cells(0x100, TO_ITS, 0, 8)})
    chip = {"0000:01:00.0": "ITS-PCI-MSIX-0000:01:00.0"}
    host = devicetree_host(nodes, (PORT, BELOW), release=release, chips=chip)
    assert isolated(host, "0000:01:00.0") is True
    assert isolated(host, PORT) is False


@per_device
def test_inheritance_passes_through_unmapped_switches(release: str) -> None:
    way = f"{PORT}/0000:01:00.0/0000:02:01.0/0000:03:00.0"
    ways = [way[: 12 + 13 * depth] for depth in range(4)]
    host = devicetree_host(tree({"msi-map": cells(8, TO_ITS, 8, 1)}), ways, release=release)
    assert all(isolated(host, one.rpartition("/")[2]) is True for one in ways)


@per_device
def test_behind_a_pcie_to_pci_bridge_the_id_is_the_secondary_bus(release: str) -> None:
    ways = (NIC, f"{NIC}/0000:01:05.0")
    behind = ["0000:01:05.0"]
    for first, truth in ((0x100, True), (0x128, False)):
        nodes = tree({"msi-map": cells(first, TO_ITS, 0, 1)})
        host = devicetree_host(nodes, ways, release=release, conventional=behind)
        assert isolated(host, "0000:01:05.0") is truth


def test_behind_a_conventional_bridge_the_id_is_the_bridges() -> None:
    ways = (NIC, f"{NIC}/0000:01:05.0")
    nodes = tree({"msi-map": cells(0x10, TO_ITS, 0, 1)})
    host = devicetree_host(nodes, ways, conventional=[NIC, "0000:01:05.0"])
    assert isolated(host, "0000:01:05.0") is True


@per_device
def test_a_high_pci_domain_is_resolved_as_any_other(release: str) -> None:
    host = devicetree_host(tree({"msi-map": EVERY_ID}), ("001f:00:02.0",), release=release)
    assert isolated(host, "001f:00:02.0") is True


@per_device
@pytest.mark.parametrize("cmdline", [b"irqchip.gicv3_nolpi=1", b"irqchip.gicv3-nolpi=yes"])
def test_without_lpis_a_map_points_at_nothing(cmdline: bytes, release: str) -> None:
    nodes = tree({"msi-map": EVERY_ID})
    host = devicetree_host(nodes, release=release, log=b"", cmdline=cmdline)
    assert isolated(host, NIC) is False


@pytest.mark.parametrize(
    "cmdline", [b"irqchip.gicv3_nolpi", b"irqchip.gicv3_nolpi=1 irqchip.gicv3_nolpi=0"]
)
def test_an_its_lives_where_the_option_does_not_take_effect(cmdline: bytes) -> None:
    host = devicetree_host(tree({"msi-map": EVERY_ID}), cmdline=cmdline)
    assert isolated(host, NIC) is True


@per_device
def test_a_disabled_its_does_not_exist(release: str) -> None:
    nodes = tree({"msi-map": EVERY_ID}, its={"status": b"disabled\0"})
    assert isolated(devicetree_host(nodes, release=release, log=b""), NIC) is False


def test_an_its_that_nothing_shows_alive_is_unknown() -> None:
    assert isolated(devicetree_host(tree({"msi-map": EVERY_ID}), log=b""), NIC) is None


def test_an_its_is_alive_where_another_function_uses_it() -> None:
    chips = {"0000:00:03.0": "ITS-PCI-MSIX-0000:00:03.0"}
    nodes = tree({"msi-map": EVERY_ID})
    host = devicetree_host(nodes, (NIC, "0000:00:03.0"), log=b"", chips=chips)
    assert isolated(host, NIC) is True


@per_device
def test_an_idle_second_controller_does_no_harm_per_device(release: str) -> None:
    nodes: Tree = {**tree({"msi-map": EVERY_ID}), "/msi@1570000": ls_scfg()}
    assert isolated(devicetree_host(nodes, release=release), NIC) is True


@per_device
def test_what_a_map_sends_to_a_second_controller_is_not_isolated(release: str) -> None:
    halves = cells(0, TO_LS, 0, 0x18) + cells(0x18, TO_ITS, 0x18, 0x1000)
    nodes: Tree = {**tree({"msi-map": halves}), "/msi@1570000": ls_scfg()}
    host = devicetree_host(nodes, (NIC, "0000:00:03.0"), release=release)
    assert isolated(host, NIC) is False
    assert isolated(host, "0000:00:03.0") is True


@per_device
def test_the_running_chip_wins_over_firmware(release: str) -> None:
    nodes: Tree = {**tree({"msi-map": EVERY_ID}), "/msi@1570000": ls_scfg()}
    chips = {NIC: f"MSI-PCI-MSIX-{NIC}"}
    assert isolated(devicetree_host(nodes, release=release, chips=chips), NIC) is False
    chips = {NIC: f"ITS-PCI-MSIX-{NIC}"}
    assert isolated(devicetree_host(tree({}), release=release, chips=chips), NIC) is True


def test_a_pre_its_speaks_only_for_its_own_its() -> None:
    other = {"compatible": b"arm,gic-v3-its\0", "msi-controller": b"", "phandle": cells(4)}
    halves = cells(0, TO_ITS, 0, 0x18) + cells(0x18, 4, 0x18, 0x1000)
    pre_its = {"socionext,synquacer-pre-its": cells(0x58000000, 0x200000)}
    nodes: Tree = {**tree({"msi-map": halves}, its=pre_its), "/intc@8000000/its@9000000": other}
    log = ITS_LINES + (
        b"[    0.000000] GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS\n"
        b"[    0.000000] ITS [mem 0x09000000-0x0901ffff]\n"
    )
    functions = (NIC, "0000:00:03.0")
    chips = {name: f"ITS-PCI-MSIX-{name}" for name in functions}
    for shown in ({}, chips):
        host = devicetree_host(nodes, functions, chips=shown, log=log)
        assert isolated(host, NIC) is False
        assert isolated(host, "0000:00:03.0") is True


@per_device
@pytest.mark.parametrize(
    ("bus", "node", "properties", "truth"),
    [
        ("platform", "/dma@1", {"msi-parent": cells(TO_ITS, 0)}, True),
        ("platform", "/dma@1", {}, False),
        ("platform", "/dma@1", {"msi-map": EVERY_ID}, False),
        ("platform", None, {}, False),
        ("amba", "/dma@1", {"msi-parent": cells(TO_ITS, 0)}, False),
        ("mhi", "/dma@1", {"msi-parent": cells(TO_ITS, 0)}, None),
    ],
)
def test_a_member_of_another_bus_has_its_own_parent_or_none(
    bus: str, node: str | None, properties: dict[str, bytes], truth: bool | None, release: str
) -> None:
    nodes: Tree = {**tree({"msi-map": EVERY_ID}), "/dma@1": properties}
    host = devicetree_host(nodes, release=release)
    add_member(host, "1.dma", bus, node)
    assert isolated(host, "1.dma") is truth


def test_the_series_takes_what_is_linked_to_no_controller() -> None:
    assert safe_in_2016(devicetree_host(tree({}))) is True


def test_the_series_takes_what_is_linked_to_an_its() -> None:
    assert safe_in_2016(devicetree_host(tree({"msi-map": EVERY_ID}))) is True


def test_the_series_refuses_what_is_linked_to_another_controller() -> None:
    nodes: Tree = {**tree({"msi-map": cells(0, TO_LS, 0, 0x10000)}), "/msi@1570000": ls_scfg()}
    assert safe_in_2016(devicetree_host(nodes)) is False


@per_device
def test_a_disabled_controller_leaves_the_function_to_the_bridges_parent(release: str) -> None:
    bridge = {"msi-map": cells(0, TO_LS, 0, 0x10000), "msi-parent": cells(TO_ITS, 0)}
    nodes: Tree = {**tree(bridge), "/msi@1570000": ls_scfg(status=b"disabled\0", **ONE_CELL)}
    assert isolated(devicetree_host(nodes, release=release), NIC) is True
