"""Devices of fsl-mc and CDX, which have no node of their own.

drivers/bus/fsl-mc/fsl-mc-bus.c fsl_mc_device_add(), fsl-mc-msi.c (6.12.118, 7.2.13);
drivers/cdx/cdx.c cdx_device_add(), cdx_msi.c (6.12.118, 7.3.4).
"""

from __future__ import annotations

import pytest

from tests.support.arm_firmware import (
    EVERY_ID,
    ITS_LINES,
    TO_ITS,
    TO_LS,
    TO_NOBODY,
    Tree,
    acpi_host,
    add_member,
    cells,
    component,
    devicetree_host,
    iort,
    isolated,
    its_group,
    ls_scfg,
    madt,
    mapping,
    tree,
)

OLD, BETWEEN, NEW = "6.12.118-arm64", "6.18.3-arm64", "7.2.13-arm64"
DPRC, OBJECT = "dprc.2", "dpni.0"
MC = "/soc/fsl-mc@80c000000"


def on_bus(bus: str, nodes: Tree, name: str, release: str, log: bytes = ITS_LINES) -> bool | None:
    host = devicetree_host({**tree({}), **nodes, "/msi@1": ls_scfg()}, release=release, log=log)
    add_member(host, name, bus)
    return isolated(host, name)


@pytest.mark.parametrize(
    ("bus", "dprc", "child"),
    [
        ({"msi-parent": cells(TO_ITS, 0)}, (True, True, True), (True, None, False)),
        ({"msi-parent": cells(TO_LS)}, (False, False, False), (False, False, False)),
        ({"msi-map": EVERY_ID}, (None, None, False), (None, None, False)),
        (
            {"msi-map": EVERY_ID, "msi-parent": cells(TO_ITS, 0)},
            (True, True, True),
            (True, None, False),
        ),
        ({"msi-map": cells(0, TO_NOBODY, 0, 8)}, (False, False, False), (False, False, False)),
        ({}, (False, False, False), (False, False, False)),
    ],
)
def test_a_dprcs_objects_have_its_domain_until_they_have_none(
    bus: dict[str, bytes], dprc: tuple[bool | None, ...], child: tuple[bool | None, ...]
) -> None:
    nodes: Tree = {MC: {"compatible": b"fsl,qoriq-mc\0", **bus}}
    releases = (OLD, BETWEEN, NEW)
    assert tuple(on_bus("fsl-mc", nodes, DPRC, release) for release in releases) == dprc
    assert tuple(on_bus("fsl-mc", nodes, OBJECT, release) for release in releases) == child


def test_a_dead_its_leaves_a_dprc_without_a_domain() -> None:
    nodes: Tree = {MC: {"compatible": b"fsl,qoriq-mc\0", "msi-parent": cells(TO_ITS, 0)}}
    log = b"[    0.000000] ITS: No ITS available, not enabling LPIs\n"
    assert on_bus("fsl-mc", nodes, DPRC, OLD, log) is False


def test_which_of_two_buses_has_a_device_is_not_known() -> None:
    bus = {"compatible": b"fsl,qoriq-mc\0", "msi-parent": cells(TO_ITS, 0)}
    nodes: Tree = {MC: bus, f"{MC}1": bus}
    assert on_bus("fsl-mc", nodes, DPRC, OLD) is None


@pytest.mark.parametrize(
    ("name", "release", "mappings", "truth"),
    [
        (DPRC, OLD, [mapping(0, 0xFF, 0, 48)], None),
        (OBJECT, OLD, [mapping(0, 0xFF, 0, 48)], None),
        (DPRC, OLD, [], False),
        (DPRC, NEW, [mapping(0, 0xFF, 0, 48)], None),
        (OBJECT, NEW, [mapping(0, 0xFF, 0, 48)], False),
    ],
)
def test_an_iort_maps_a_dprc_by_an_id_that_no_file_shows(
    name: str, release: str, mappings: list[bytes], truth: bool | None
) -> None:
    tables = {"APIC": madt(), "IORT": iort(its_group(0), component(*mappings))}
    host = acpi_host(tables, release=release)
    add_member(host, name, "fsl-mc")
    assert isolated(host, name) is truth


@pytest.mark.parametrize(
    ("controller", "name", "release", "truth"),
    [
        ({"msi-map": EVERY_ID}, "cdx-00:01", OLD, True),
        ({"msi-map": EVERY_ID}, "cdx-00:01", NEW, True),
        ({"msi-map": EVERY_ID}, "cdx-00:01", "6.6.3-arm64", None),
        ({"msi-map": EVERY_ID}, "cdx-00", OLD, False),
        ({"msi-map": cells(0, TO_LS, 0, 8)}, "cdx-00:01", OLD, False),
        ({"msi-map": b""}, "cdx-00:01", OLD, False),
        ({}, "cdx-00:01", OLD, False),
    ],
)
def test_a_cdx_device_has_a_domain_below_that_of_its_bus(
    controller: dict[str, bytes], name: str, release: str, truth: bool | None
) -> None:
    nodes: Tree = {"/cdx": {"compatible": b"xlnx,versal-net-cdx\0", **controller}}
    assert on_bus("cdx", nodes, name, release) is truth


@pytest.mark.parametrize(("phandle", "truth"), [(TO_ITS, True), (TO_LS, False)])
def test_the_chip_of_a_cdx_device_isolates_as_the_controller_below_it(
    phandle: int, truth: bool
) -> None:
    bus = {"compatible": b"xlnx,versal-net-cdx\0", "msi-map": cells(0, phandle, 0, 8)}
    host = devicetree_host({**tree({}), "/cdx": bus, "/msi@1": ls_scfg()}, release=OLD)
    add_member(host, "cdx-00:01", "cdx")
    host["/sys/devices/platform/cdx-00:01/msi_irqs/77"] = b"msi\n"
    host["/sys/kernel/irq/77/chip_name"] = b"CDX-MSI\n"
    assert isolated(host, "cdx-00:01") is truth
