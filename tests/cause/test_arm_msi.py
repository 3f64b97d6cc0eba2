"""Why MSIs of an Arm host are not isolated, and what would change it."""

from __future__ import annotations

import pytest

from tests.inference.test_its import BOTH, FIRST, LPIS, NIC, OLD, OTHER, lines, tried
from tests.inference.test_other_architectures import other_host
from tests.support.arm_firmware import (
    EVERY_ID,
    GIC,
    ITS,
    TO_LS,
    TO_V2M,
    V2M,
    acpi_host,
    add_member,
    cells,
    devicetree_host,
    iort,
    its_group,
    ls_scfg,
    madt,
    mapping,
    root_complex,
    tree,
    v2m_frame,
)
from tests.support.causing import causes
from vfioguard.report import CauseReport
from vfioguard.root.memory import Entry

MAPPED = tree({"msi-map": EVERY_ID})
BEGUN = "GICv3: 256 SPIs implemented"
LS = "/msi-controller@1580000"


def only(host: dict[str, Entry], group: int = 0) -> CauseReport:
    (cause,) = causes(host, group).values()
    return cause


def test_an_its_in_use_is_no_cause() -> None:
    assert causes(devicetree_host(MAPPED)) == {}


@pytest.mark.parametrize("word", [b"irqchip.gicv3_nolpi=1", b"irqchip.gicv3-nolpi=y"])
def test_the_word_that_switches_the_its_off_is_to_be_removed(word: bytes) -> None:
    found = causes(devicetree_host(MAPPED, log=lines(BEGUN), cmdline=word))["its_switched_off"]
    assert f"Remove `{word.decode()}`" in found.change[0].do


def test_a_later_word_switches_it_on_again() -> None:
    word = b"irqchip.gicv3_nolpi=1 irqchip.gicv3_nolpi=0"
    assert causes(devicetree_host(MAPPED, cmdline=word)) == {}


def test_an_its_that_the_kernel_gave_up_is_told_with_its_line() -> None:
    line = f"ITS@{FIRST}: No ITS detected, giving up"
    cause = only(devicetree_host(MAPPED, log=lines(tried(FIRST), line)))
    assert cause.name == "its_failed"
    assert line in (cause.ticket or "")
    assert cause.helps is False


def test_a_guest_of_qemu_is_not_told_to_update_the_firmware_for_its_its() -> None:
    board = {"/sys/firmware/devicetree/base/compatible": b"linux,dummy-virt\0"}
    gave_up = lines(tried(FIRST), f"ITS@{FIRST}: No ITS detected, giving up")
    cause = only(devicetree_host(MAPPED, log=gave_up) | board)
    assert cause.name == "its_failed"
    assert "its=on" in (cause.change[0].where or "")
    assert not any("firmware" in step.do for step in cause.change)


def test_an_its_that_the_tree_disables_is_named() -> None:
    nodes = tree({"msi-map": EVERY_ID}, its={"status": b"disabled\0"})
    cause = only(devicetree_host(nodes, log=lines(BEGUN)))
    assert cause.name == "its_disabled"
    assert cause.change[0].where == f"/sys/firmware/devicetree/base{ITS}/status"


def test_a_function_outside_of_the_map_is_named_with_its_id() -> None:
    gap = tree({"msi-map": cells(0x10, 1, 0x10, 8)})
    cause = only(devicetree_host(gap, BOTH), 1)
    assert cause.name == "msi_map_gap"
    assert "id 0x18" in cause.sentence
    assert OTHER in cause.sentence
    assert (cause.change[0].where or "").endswith("/msi-map")


def test_a_map_that_leads_to_another_node_names_it() -> None:
    nodes = tree({"msi-map": cells(0, 9, 0, 0x10000)})
    cause = only(devicetree_host(nodes))
    assert cause.name == "msi_map_elsewhere"
    assert GIC in cause.sentence


def test_the_iort_may_leave_a_function_out() -> None:
    table = iort(its_group(0), root_complex(0, mapping(0, 7, 0, 48)))
    cause = only(acpi_host({"APIC": madt(), "IORT": table}))
    assert cause.name == "msi_map_gap"
    assert "IORT" in cause.sentence
    assert cause.helps is False


def test_a_machine_without_its_is_told_so() -> None:
    table = iort(root_complex(0))
    cause = only(acpi_host({"APIC": madt(its=()), "IORT": table}, log=lines(BEGUN)))
    assert cause.name == "its_missing"
    assert "No setting helps" in cause.sentence
    virtual = acpi_host({"APIC": madt(its=()).replace(b"TEST\0\0", b"BOCHS "), "IORT": table})
    assert "its=on" in (only(virtual).change[0].where or "")


def test_frames_are_told_by_their_chip_and_by_the_map() -> None:
    nodes = tree({"msi-map": cells(0, TO_V2M, 0, 0x10000)}) | {V2M: v2m_frame()}
    silent = devicetree_host(nodes, log=lines(BEGUN, "GICv2m: range[mem 0x8020000], SPI[80:143]"))
    shown = devicetree_host(nodes, chips={NIC: f"GICv2m-PCI-MSIX-{NIC}"}, log=b"")
    assert only(silent).name == "gicv2m"
    assert only(shown).name == "gicv2m"


def test_a_controller_that_checks_nobody_is_named() -> None:
    nodes = tree({"msi-map": cells(0, TO_LS, 0, 0x10000)}) | {LS: ls_scfg()}
    assert only(devicetree_host(nodes)).name == "msi_controller_open"
    shown = devicetree_host(tree({}), chips={NIC: f"DW-PCI-MSIX-{NIC}"})
    cause = only(shown)
    assert cause.name == "msi_controller_open"
    assert "host bridge MSI" in cause.sentence


def test_message_based_spis_are_told_apart_from_the_its() -> None:
    nodes = tree({"msi-map": cells(0, 9, 0, 0x10000)})
    nodes[GIC] = {**nodes[GIC], "mbi-ranges": cells(64, 32), "msi-controller": b""}
    cause = only(devicetree_host(nodes))
    assert cause.name == "gicv3_mbi"
    assert cause.helps  # there is an ITS to point the map at


QUIRK = "GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS"


def synquacer(*quirks: str) -> dict[str, Entry]:
    """A Synquacer; `quirks` are lines of its kernel in place of the one that it prints."""
    nodes = tree({"msi-map": EVERY_ID}, its={"socionext,synquacer-pre-its": cells(0, 0)})
    return devicetree_host(nodes, log=lines(tried(FIRST), *(quirks or (QUIRK,)), LPIS))


def test_a_synquacer_is_told_by_the_kernels_quirk() -> None:
    assert only(synquacer()).name == "synquacer_pre_its"
    assert causes(synquacer(LPIS)) == {}


@pytest.mark.parametrize(("node", "helps"), [(None, False), ("/serial@9000000", True)])
def test_a_member_on_another_bus_has_no_domain(node: str | None, helps: bool) -> None:
    nodes = MAPPED | {"/serial@9000000": {"compatible": b"arm,pl011\0"}}
    host = devicetree_host(nodes)
    add_member(host, "9000000.serial", node=node)
    cause = only(host, 1)
    assert cause.name == "member_without_its"
    assert cause.helps is helps


def test_before_6_3_one_controller_of_the_machine_is_enough() -> None:
    nodes = MAPPED | {LS: ls_scfg()}
    assert list(causes(devicetree_host(nodes, release=OLD))) == ["machine_wide_rule"]
    assert causes(devicetree_host(nodes)) == {}


@pytest.mark.parametrize("arch", ["riscv64", "loongarch64"])
def test_no_controller_of_these_isolates(arch: str) -> None:
    assert causes(other_host(arch))["architecture_not_isolated"].helps is False


ANOTHER = tree({"msi-map": cells(0, 9, 0, 0x10000)})
NARROW = tree({"msi-map": cells(0, 1, 0, 8)})
DISABLED = tree({"msi-map": EVERY_ID}, its={"status": b"disabled\0"})
SILENT = devicetree_host(MAPPED, log=lines(BEGUN), cmdline=b"irqchip.gicv3_nolpi=1")


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("its_switched_off", SILENT),
        ("its_disabled", devicetree_host(DISABLED, log=lines(BEGUN))),
        ("msi_map_gap", devicetree_host(NARROW)),
        ("msi_map_elsewhere", devicetree_host(ANOTHER)),
    ],
)
def test_the_verdict_moves_once_the_change_is_made(name: str, refused: dict[str, Entry]) -> None:
    assert list(causes(refused)) == [name]
    assert causes(refused)[name].helps
    assert causes(devicetree_host(MAPPED)) == {}
