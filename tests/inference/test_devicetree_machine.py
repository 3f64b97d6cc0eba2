"""v4.11 to v6.2: one MSI domain without the flag refuses every group (policy.md 10.1, 10.3)."""

from __future__ import annotations

import pytest

from tests.support.arm_firmware import (
    BASE,
    BRIDGE,
    ECAM,
    EVERY_ID,
    GIC,
    V2M,
    Tree,
    cells,
    devicetree_host,
    isolated,
    ls_scfg,
    machine_isolated,
    safe_in_2016,
    tree,
    v2m_frame,
)
from vfioguard.root.memory import Link

OLD = "6.1.0-arm64"
MAPPED = tree({"msi-map": EVERY_ID})
NOLPI = b"irqchip.gicv3_nolpi=1"
V2M_LINES = b"[    0.000000] GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]\n"
SPI_LINES = b"[    0.000000] GICv3: 256 SPIs implemented\n"
MBI_LINES = b"[    0.000000] GICv3: MBI range [64:95]\n"


def gic_v2(**frame: bytes) -> Tree:
    gic = {"compatible": b"arm,cortex-a15-gic\0", "interrupt-controller": b""}
    return {GIC: gic, V2M: v2m_frame(**frame), BRIDGE: tree({"msi-map": cells(0, 2, 0, 9)})[BRIDGE]}


@pytest.mark.parametrize(
    ("nodes", "truth"),
    [
        (MAPPED, True),
        (tree({}), True),
        (tree({"msi-map": b""}), True),
        (tree({"msi-map": cells(0x20, 1, 0, 1)}), True),
        (tree({"msi-map": EVERY_ID}, its={"status": b"disabled\0"}), True),
        ({**MAPPED, "/msi@1570000": ls_scfg()}, False),
        ({**MAPPED, "/msi@1570000": ls_scfg(status=b"okay\0")}, False),
        ({**MAPPED, "/msi@1570000": ls_scfg(status=b"disabled\0")}, True),
        ({**MAPPED, "/msi-controller": ls_scfg()}, False),
        ({**MAPPED, "/msi@1": ls_scfg(compatible=b"acme,msi\0")}, None),
        ({**MAPPED, "/msi@1": ls_scfg(compatible=b"acme,msi\0", status=b"disabled\0")}, True),
        ({**MAPPED, V2M: v2m_frame()}, True),
        ({**MAPPED, "/soc/pcie@1": {"compatible": b"acme,pcie\0"}}, None),
        ({**MAPPED, "/soc/pcie@1": {"compatible": b"acme,pcie\0", "status": b"disabled\0"}}, True),
        ({**MAPPED, "/pcie-ep@1": {"compatible": b"acme,pcie-ep\0"}}, True),
        ({**MAPPED, f"{BRIDGE}/pcie@1,0": {"reg": b"", "device_type": b"pci\0"}}, True),
        (
            {**MAPPED, "/root@1": {"device_type": b"pci\0", "ranges": b"", "compatible": b"x,y\0"}},
            None,
        ),
        ({**MAPPED, "/soc@1": {"device_type": b"soc\0", "ranges": b""}}, True),
        ({**MAPPED, "/intc@9": {"compatible": b"arm,gic-v3\0", "mbi-ranges": cells(1, 2)}}, None),
    ],
)
def test_a_controller_counts_where_it_makes_a_domain(nodes: Tree, truth: bool | None) -> None:
    assert machine_isolated(devicetree_host(nodes, release=OLD)) is truth


@pytest.mark.parametrize("frame", [{}, {"status": b"okay\0"}, {"status": b"disabled\0"}])
def test_the_status_of_a_frame_is_not_looked_at(frame: dict[str, bytes]) -> None:
    assert machine_isolated(devicetree_host(gic_v2(**frame), release=OLD, log=b"")) is False


def test_without_lpis_no_domain_is_left() -> None:
    host = devicetree_host(MAPPED, release=OLD, log=b"", cmdline=NOLPI)
    assert machine_isolated(host) is True


def test_without_lpis_a_gicv3_uses_its_frames() -> None:
    nodes: Tree = {**MAPPED, V2M: v2m_frame()}
    host = devicetree_host(nodes, release=OLD, log=V2M_LINES, cmdline=NOLPI)
    assert machine_isolated(host) is False


def test_a_frame_below_a_gicv3_without_any_its_is_used() -> None:
    nodes: Tree = gic_v2()
    nodes[GIC]["compatible"] = b"arm,gic-v3\0"
    assert machine_isolated(devicetree_host(nodes, release=OLD, log=V2M_LINES)) is False


@pytest.mark.parametrize(
    ("log", "truth"),
    [
        (MBI_LINES, False),
        (SPI_LINES + MBI_LINES, False),
        (SPI_LINES, True),
        (SPI_LINES + b"[    0.000000] GICv3: Failed to initialize MBIs\n", None),
        (b"", None),
    ],
)
def test_an_mbi_range_in_the_log_refuses_every_group(log: bytes, truth: bool | None) -> None:
    nodes: Tree = {**MAPPED, GIC: {**MAPPED[GIC], "mbi-ranges": cells(64, 32)}}
    assert machine_isolated(devicetree_host(nodes, release=OLD, log=log)) is truth


PLAIN = "fsl,lx2160a-pcie", "hisilicon,hip07-pcie-ecam", "rockchip,rk3399-pcie", "brcm,iproc-pcie"
TO_PARENT = {"msi-parent": cells(1, 0)}


@pytest.mark.parametrize(
    ("kinds", "bridge", "release", "truth"),
    [
        *(((kind,), {}, release, True) for kind in PLAIN for release in ("5.10.262", "6.1.0")),
        (("qcom,pcie-sdm845",), {"msi-map": EVERY_ID}, "6.1.176", True),
        (("qcom,pcie-sdm845",), TO_PARENT, "6.1.176", True),
        (("qcom,pcie-sdm845",), {}, "6.1.176", None),
        (("qcom,pcie-sdm845",), {"msi-map": EVERY_ID}, "5.10.262", None),
        (("qcom,pcie-sdm845",), {"msi-map": EVERY_ID}, "5.15.0-1.el9.aarch64", None),
        (("acme,pcie", "snps,dw-pcie"), {"msi-map": EVERY_ID}, "6.1.176", True),
        (("ti,keystone-pcie", "snps,dw-pcie"), {"msi-map": EVERY_ID}, "6.1.176", None),
        (("fsl,ls2088a-pcie",), TO_PARENT, "5.10.262", True),
        (("fsl,ls2088a-pcie",), TO_PARENT, "6.1.176", True),
        (("fsl,ls2088a-pcie",), {}, "6.1.176", None),
        (("brcm,bcm2711-pcie",), {"msi-map": EVERY_ID}, "6.1.176", True),
        (("brcm,bcm2711-pcie",), {**TO_PARENT, "phandle": cells(30)}, "6.1.176", True),
        (("brcm,bcm2711-pcie",), {"msi-parent": cells(30), "phandle": cells(30)}, "6.1.176", None),
        (("acme,pcie",), {"msi-map": EVERY_ID}, "6.1.176", None),
    ],
)
def test_a_bridge_makes_a_domain_as_its_driver_does(
    kinds: tuple[str, ...], bridge: dict[str, bytes], release: str, truth: bool | None
) -> None:
    compatible = b"".join(kind.encode() + b"\0" for kind in kinds)
    host = devicetree_host(tree({"compatible": compatible, **bridge}), release=release)
    assert machine_isolated(host) is truth


def test_a_bridge_that_makes_no_domain_leaves_its_functions_unlinked() -> None:
    nodes = tree({"compatible": b"rockchip,rk3399-pcie\0"})
    assert safe_in_2016(devicetree_host(nodes)) is True


@pytest.mark.parametrize("bridge", ["acme,pcie", "brcm,iproc-pcie"])
def test_a_bridge_with_a_controller_inside_isolates_no_device(bridge: str) -> None:
    nodes = tree({"compatible": bridge.encode() + b"\0"})
    assert isolated(devicetree_host(nodes), "0000:00:02.0") is False


@pytest.mark.parametrize("bridge", ["acme,pcie", "brcm,iproc-pcie"])
def test_a_map_to_an_its_wins_over_a_controller_inside(bridge: str) -> None:
    nodes = tree({"compatible": bridge.encode() + b"\0", "msi-map": EVERY_ID})
    assert isolated(devicetree_host(nodes), "0000:00:02.0") is True


def test_the_root_buss_own_node_comes_before_that_of_the_device_above() -> None:
    nodes: Tree = {**MAPPED, "/pcie@2": {"compatible": b"pci-host-ecam-generic\0"}}
    host = devicetree_host(nodes)
    host[f"{ECAM}/pci0000:00/of_node"] = Link("../../../../firmware/devicetree/base/pcie@2")
    assert isolated(host, "0000:00:02.0") is False


def test_a_port_with_words_of_its_own_is_not_guessed_at() -> None:
    nodes: Tree = {**tree({}), f"{BRIDGE}/pcie@1,0": {"msi-map": EVERY_ID}}
    assert isolated(devicetree_host(nodes), "0000:00:02.0") is None


def test_a_bridge_deep_in_the_tree_is_found() -> None:
    nodes = tree({})
    nodes["/soc/bus@4/pcie@10000000"] = {**nodes.pop(BRIDGE), "msi-map": EVERY_ID}
    host = devicetree_host(nodes)
    host[f"{ECAM}/of_node"] = Link("../../../firmware/devicetree/base/soc/bus@4/pcie@10000000")
    assert isolated(host, "0000:00:02.0") is True


def test_both_forms_of_firmware_mean_that_acpi_counts() -> None:
    host = devicetree_host(MAPPED)
    host["/sys/firmware/acpi/tables"] = None
    assert isolated(host, "0000:00:02.0") is None


def test_a_tree_that_cannot_be_found_says_nothing() -> None:
    host = {p: e for p, e in devicetree_host(MAPPED).items() if not p.startswith(BASE)}
    assert isolated(host, "0000:00:02.0") is None
