"""The ITSs that the kernel uses, by its log and its interrupts (policy.md 4.3).

The lines come from drivers/irqchip/irq-gic-v3-its.c, irq-gic-v3-its-pci-msi.c (6.1) and
irq-gic-v5-its.c (7.2). Captures of real kernels have those lines that the kernels printed.
"""

from __future__ import annotations

import pytest

from tests.support.arm_firmware import (
    EVERY_ID,
    GIC,
    ITS,
    ITS_LINES,
    TO_ITS,
    V2M,
    Tree,
    acpi_host,
    cells,
    devicetree_host,
    iort,
    isolated,
    its_group,
    machine_isolated,
    madt,
    mapping,
    offsets,
    root_complex,
    tree,
    v2m_frame,
)
from vfioguard.root.memory import Entry

NIC, OTHER = "0000:00:02.0", "0000:00:03.0"
BOTH = (NIC, OTHER)
OLD = "6.1.0-arm64"
MAPPED = tree({"msi-map": EVERY_ID})
SHOWN = {NIC: f"ITS-PCI-MSIX-{NIC}"}
FIRST, SECOND = "0x0000000008080000", "0x0000000008280000"


def lines(*texts: str) -> bytes:
    return b"".join(b"[    0.000000] " + text.encode() + b"\n" for text in texts)


def tried(base: str) -> str:
    """The line that begins an ITS's probe; %pR prints its resource."""
    start = int(base, 16)
    return f"ITS [mem {start:#010x}-{start + 0x1FFFF:#010x}]"


LPIS = "GICv3: CPU0: using allocated LPI pending table @0x0000000043a40000"
RESERVED = "GICv3: CPU1: using reserved LPI pending table @0x0000000043a40000"
NONE = "ITS: No ITS available, not enabling LPIs"
RESETS = (
    "Unable to map ITS registers",
    "No ITS detected, giving up",
    "Failed to quiesce, giving up",
)
PROBES = (
    "failed probing (-12)",
    "No ITSList entry available!",
    "Duplicate ITSList entry 3",
    "Unable to allocate GICv3 ITS domain token",
    "Unable to register GICv3 ITS domain token (ITS ID 0) to IORT",
    "Unable to locate ITS domain handle",
)


def one_its(firmware: str, log: bytes, **more: object) -> dict[str, Entry]:
    """A host whose device tree or ACPI tables have one ITS for all functions."""
    if firmware == "dt":
        return devicetree_host(MAPPED, BOTH, log=log, **more)  # type: ignore[arg-type]
    whole = mapping(0, 0xFFFF, 0, 48)
    tables = {"APIC": madt(), "IORT": iort(its_group(0), root_complex(0, whole))}
    return acpi_host(tables, BOTH, log=log, **more)  # type: ignore[arg-type]


def two_itss(firmware: str, log: bytes, **more: object) -> dict[str, Entry]:
    """A host with two ITSs: the NIC is mapped to the first, the other function to the second."""
    if firmware == "dt":
        second = {"compatible": b"arm,gic-v3-its\0", "msi-controller": b"", "phandle": cells(4)}
        halves = cells(0, TO_ITS, 0, 0x18) + cells(0x18, 4, 0x18, 0x1000)
        nodes: Tree = {**tree({"msi-map": halves}), f"{GIC}/its@8280000": second}
        return devicetree_host(nodes, BOTH, log=log, **more)  # type: ignore[arg-type]
    places = offsets([its_group(0), its_group(1)])
    halves = [mapping(0, 0x17, 0, places[0]), mapping(0x18, 0xFF, 0, places[1])]
    tables = {
        "APIC": madt(its=(0, 1)),
        "IORT": iort(its_group(0), its_group(1), root_complex(0, *halves)),
    }
    return acpi_host(tables, BOTH, log=log, **more)  # type: ignore[arg-type]


either_firmware = pytest.mark.parametrize("firmware", ["dt", "acpi"])


@either_firmware
@pytest.mark.parametrize("release", ["6.12.0-arm64", "7.3.4-arm64"])
@pytest.mark.parametrize("text", [*RESETS, *PROBES])
def test_an_its_that_gave_up_gives_no_device_a_domain(
    firmware: str, release: str, text: str
) -> None:
    log = lines(tried(FIRST), f"ITS@{FIRST}: {text}")
    assert isolated(one_its(firmware, log, release=release), NIC) is False


@either_firmware
def test_a_kernel_without_any_its_says_so(firmware: str) -> None:
    assert isolated(one_its(firmware, lines(NONE)), NIC) is False


@either_firmware
@pytest.mark.parametrize("text", [LPIS, RESERVED])
def test_lpis_in_use_show_the_its_alive(firmware: str, text: str) -> None:
    assert isolated(one_its(firmware, lines(text)), NIC) is True


@either_firmware
@pytest.mark.parametrize(
    "log",
    [
        b"",
        lines(tried(FIRST)),
        lines(tried(FIRST), f"ITS@{FIRST}: allocated 8192 Devices @43a10000 (indirect, esz 8)"),
        lines("GICv3: CPU0: found redistributor 0 region 0:0x00000000080a0000"),
    ],
)
def test_the_beginning_of_a_probe_does_not_show_its_end(firmware: str, log: bytes) -> None:
    assert isolated(one_its(firmware, log), NIC) is None


@pytest.mark.parametrize(
    "text",
    [
        "failed to quiesce: -16",
        "Device Table too large, reduce ids 32->19",
        "Devices too large, reduce ITS pages 1024->256",
    ],
)
def test_a_line_that_ends_no_probe_is_no_failure(text: str) -> None:
    log = ITS_LINES + lines(f"ITS@{FIRST}: {text}")
    assert isolated(one_its("dt", log), NIC) is True


@pytest.mark.parametrize("log", [lines(f"ITS@{FIRST}: {RESETS[1]}"), lines(NONE)])
def test_an_its_that_gave_up_and_has_msis_contradicts_itself(log: bytes) -> None:
    host = devicetree_host(MAPPED, BOTH, log=log, chips=SHOWN)
    assert isolated(host, OTHER) is None


@either_firmware
@pytest.mark.parametrize("text", RESETS)
def test_one_its_that_cannot_be_reset_takes_all_others_with_it(firmware: str, text: str) -> None:
    host = two_itss(firmware, lines(f"ITS@{SECOND}: {text}"))
    assert isolated(host, NIC) is False
    assert isolated(host, OTHER) is False


@either_firmware
def test_an_its_that_is_not_probed_to_the_end_leaves_the_earlier_ones(firmware: str) -> None:
    log = lines(tried(FIRST), tried(SECOND), f"ITS@{SECOND}: {PROBES[0]}", LPIS)
    host = two_itss(firmware, log)
    assert isolated(host, NIC) is True
    assert isolated(host, OTHER) is False


@either_firmware
def test_what_comes_behind_an_its_that_failed_is_not_known(firmware: str) -> None:
    host = two_itss(firmware, lines("ITS@0x0000000009000000: failed probing (-12)", LPIS))
    assert isolated(host, NIC) is None
    assert isolated(host, OTHER) is None


@either_firmware
def test_a_log_of_two_boots_says_nothing(firmware: str) -> None:
    for text in (NONE, f"ITS@{FIRST}: {RESETS[0]}"):
        assert isolated(one_its(firmware, lines(text, LPIS)), NIC) is None


def test_a_devices_msis_tell_of_the_other_itss_too() -> None:
    host = devicetree_two_shown(b"")
    assert isolated(host, OTHER) is True


def test_a_devices_msis_tell_nothing_of_an_its_that_failed() -> None:
    log = lines(tried(FIRST), tried(SECOND), f"ITS@{SECOND}: {PROBES[0]}", LPIS)
    assert isolated(devicetree_two_shown(log), OTHER) is False
    log = lines("ITS@0x0000000009000000: failed probing (-12)", LPIS)
    assert isolated(devicetree_two_shown(log), OTHER) is None


def devicetree_two_shown(log: bytes) -> dict[str, Entry]:
    return two_itss("dt", log, chips=SHOWN)


# The GICv2m frames of a GICv3: drivers/irqchip/irq-gic-v3.c gic_init_bases().


@pytest.mark.parametrize(
    ("log", "truth"),
    [
        (lines(NONE), True),
        (lines(f"ITS@{FIRST}: {RESETS[1]}", NONE), True),
        (ITS_LINES, True),
        (lines("GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]"), False),
        (b"", None),
    ],
)
def test_a_gicv3_uses_its_frames_only_if_it_has_no_lpis(log: bytes, truth: bool | None) -> None:
    nodes: Tree = {**MAPPED, V2M: v2m_frame()}
    assert machine_isolated(devicetree_host(nodes, release=OLD, log=log)) is truth
    without: Tree = {path: node for path, node in nodes.items() if path != ITS}
    assert machine_isolated(devicetree_host(without, release=OLD, log=log)) is truth
    for its in ((0,), ()):
        tables = {"APIC": madt(its=its, frames=1), "IORT": iort(its_group(0), root_complex(0))}
        assert machine_isolated(acpi_host(tables, release=OLD, log=log)) is truth


def test_a_line_of_an_its_without_a_domain_does_not_show_lpis() -> None:
    log = lines(f"ITS@{FIRST}: Unable to locate ITS domain handle")
    tables = {"APIC": madt(frames=1), "IORT": iort(its_group(0), root_complex(0))}
    assert machine_isolated(acpi_host(tables, release=OLD, log=log)) is None


# The Socionext pre-ITS.

PRE_ITS = {"socionext,synquacer-pre-its": cells(0x58000000, 0x200000)}
QUIRK = "GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS"


@pytest.mark.parametrize("chips", [{}, SHOWN])
@pytest.mark.parametrize(
    ("log", "truth"),
    [
        (lines(tried(FIRST), QUIRK, LPIS), False),
        (lines(QUIRK, LPIS), False),
        (lines(tried(FIRST), LPIS), True),
        (lines(LPIS), None),
    ],
)
def test_the_property_of_a_pre_its_counts_where_the_kernel_met_it(
    chips: dict[str, str], log: bytes, truth: bool | None
) -> None:
    nodes = tree({"msi-map": EVERY_ID}, its=PRE_ITS)
    assert isolated(devicetree_host(nodes, log=log, chips=chips), NIC) is truth
    assert machine_isolated(devicetree_host(nodes, log=log, release=OLD)) is truth


def test_an_its_of_an_unusual_name_is_known_by_how_many_there_are() -> None:
    nodes = tree({"msi-map": EVERY_ID}, its=PRE_ITS)
    nodes[f"{GIC}/its"] = nodes.pop(ITS)
    log = lines(tried(FIRST), LPIS)
    assert isolated(devicetree_host(nodes, log=log), NIC) is True


# GICv5: a translate frame leads to the ITS above it.

V5_ITS, FRAME = "/intc/irs@2f1a0000/its@2f120000", "/intc/irs@2f1a0000/its@2f120000/msi@2f130000"
V5_USED = "GICv5 ITS: ITS {} enabled using linear device table device_id_bits 16"
V5_FAILED = "GICv5 ITS: Failed to init ITS its@2f120000"
V5_SHOWN = {OTHER: f"ITS-v5-PCI-MSIX-{OTHER}"}


def v5_tree(**its: bytes) -> Tree:
    return {
        V5_ITS: {"compatible": b"arm,gic-v5-its\0", "phandle": cells(8), **its},
        FRAME: {"msi-controller": b"", "#msi-cells": cells(1), "phandle": cells(TO_ITS)},
        "/pcie@10000000": {
            "compatible": b"pci-host-ecam-generic\0",
            "device_type": b"pci\0",
            "msi-map": EVERY_ID,
        },
    }


@pytest.mark.parametrize(
    ("log", "chips", "truth"),
    [
        (lines(V5_USED.format("its@2f120000")), {}, True),
        (lines(V5_FAILED), {}, False),
        (lines(V5_USED.format("its@2f920000")), {}, None),
        (b"", {}, None),
        (b"", V5_SHOWN, True),
        (lines(V5_FAILED), V5_SHOWN, None),
    ],
)
def test_a_translate_frame_of_a_gicv5_leads_to_its_its(
    log: bytes, chips: dict[str, str], truth: bool | None
) -> None:
    host = devicetree_host(v5_tree(), BOTH, release="7.2.13-arm64", log=log, chips=chips)
    assert isolated(host, NIC) is truth


def test_gicv3s_option_does_not_concern_a_gicv5() -> None:
    log = lines(V5_USED.format("its@2f120000"))
    host = devicetree_host(
        v5_tree(), release="7.2.13-arm64", log=log, cmdline=b"irqchip.gicv3_nolpi=1"
    )
    assert isolated(host, NIC) is True


def test_a_disabled_its_of_a_gicv5_does_not_exist() -> None:
    host = devicetree_host(v5_tree(status=b"disabled\0"), release="7.2.13-arm64", log=b"")
    assert isolated(host, NIC) is False


def test_the_its_of_a_gicv5_is_no_target_of_a_map() -> None:
    nodes = v5_tree()
    nodes["/pcie@10000000"]["msi-map"] = cells(0, 8, 0, 0x10000)
    log = lines(V5_USED.format("its@2f120000"))
    assert isolated(devicetree_host(nodes, release="7.2.13-arm64", log=log), NIC) is False


@pytest.mark.parametrize(
    ("log", "truth"),
    [
        (lines(V5_USED.format("irqchip@0x000000002f120000")), True),
        (
            lines("GICv5 ITS: ITS@0x000000002f120000: Unable to allocate GICv5 ITS domain token"),
            False,
        ),
        (b"", None),
    ],
)
def test_a_translate_frame_of_the_madt_leads_to_its_its(log: bytes, truth: bool | None) -> None:
    whole = mapping(0, 0xFFFF, 0, 48)
    tables = {
        "APIC": madt(version=5, its=(), v5=(3,)),
        "IORT": iort(its_group(3), root_complex(0, whole)),
    }
    assert isolated(acpi_host(tables, release="7.2.13-arm64", log=log), NIC) is truth
