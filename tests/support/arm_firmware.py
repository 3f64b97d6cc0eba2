"""Arm hosts whose firmware names MSI controllers: a device tree, or hand-packed IORT and MADT.

A function is written as its way from the root bus, "0000:00:01.0/0000:01:00.0". Every function is
in a group of its own. `chips` maps a function's name to the chip of its MSI.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from tests.support.hosts import arm_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.memory import Entry, Link, Memory

ECAM = "/sys/devices/platform/10000000.pcie"
SMMU = "/sys/devices/platform/arm-smmu-v3.0.auto/iommu/smmu3.0x0000000009050000"
BASE = "/sys/firmware/devicetree/base"
ACPI = "/sys/firmware/acpi/tables"
DMESG = "/CAPTURE/dmesg"
ITS_LINES = (
    b"[    0.000000] ITS [mem 0x08080000-0x0809ffff]\n"
    b"[    0.000000] ITS@0x0000000008080000: allocated 8192 Devices @4b010000 (indirect, esz 8)\n"
    b"[    0.000000] GICv3: CPU0: using allocated LPI pending table @0x000000004b030000\n"
)
GIC, ITS, V2M, BRIDGE = (
    "/intc@8000000", "/intc@8000000/its@8080000", "/intc@8000000/v2m@8020000", "/pcie@10000000",
)  # fmt: skip
#: Phandles; no node has the last one.
TO_ITS, TO_V2M, TO_LS, TO_NOBODY = 1, 2, 3, 99

Tree = dict[str, dict[str, bytes]]


def cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


EVERY_ID = cells(0, TO_ITS, 0, 0x10000)


def tree(bridge: Mapping[str, bytes], **changes: Mapping[str, bytes]) -> Tree:
    """A GICv3 with an ITS, and a host bridge with these properties; `its` adds some to the ITS."""
    return {
        GIC: {"compatible": b"arm,gic-v3\0", "interrupt-controller": b"", "phandle": cells(9)},
        ITS: {
            "compatible": b"arm,gic-v3-its\0",
            "msi-controller": b"",
            "#msi-cells": cells(1),
            "phandle": cells(TO_ITS),
            **changes.get("its", {}),
        },
        BRIDGE: {
            "compatible": b"pci-host-ecam-generic\0",
            "device_type": b"pci\0",
            **bridge,
        },
    }


def v2m_frame(**more: bytes) -> dict[str, bytes]:
    frame = {"compatible": b"arm,gic-v2m-frame\0", "msi-controller": b"", "phandle": cells(TO_V2M)}
    return {**frame, **more}


def ls_scfg(**more: bytes) -> dict[str, bytes]:
    return {
        "compatible": b"fsl,ls1043a-msi\0",
        "msi-controller": b"",
        "phandle": cells(TO_LS),
        **more,
    }


def devicetree_host(
    nodes: Tree,
    functions: Iterable[str] = ("0000:00:02.0",),
    *,
    release: str = "6.12.0-arm64",
    log: bytes = ITS_LINES,
    cmdline: bytes = b"",
    chips: Mapping[str, str] | None = None,
    conventional: Iterable[str] = (),
) -> dict[str, Entry]:
    """A host that booted with this device tree."""
    host = _host(functions, release, log, cmdline, chips or {}, set(conventional))
    del host[ACPI]
    host[f"{ECAM}/of_node"] = Link(f"../../../firmware/devicetree/base{BRIDGE}")
    for path, properties in nodes.items():
        host[f"{BASE}{path}"] = None
        host |= {f"{BASE}{path}/{name}": value for name, value in properties.items()}
    return host


def acpi_host(
    tables: Mapping[str, bytes],
    functions: Iterable[str] = ("0000:00:02.0",),
    *,
    release: str = "6.12.0-arm64",
    log: bytes = ITS_LINES,
    cmdline: bytes = b"",
    conventional: Iterable[str] = (),
) -> dict[str, Entry]:
    """A host that booted with these tables."""
    host = _host(functions, release, log, cmdline, {}, set(conventional))
    return host | {f"{ACPI}/{name}": raw for name, raw in {"FACP": b"FACP", **tables}.items()}


def ungroup(host: dict[str, Entry], name: str) -> None:
    """Take a function out of its group, as if no driver was ever bound to it."""
    (number,) = {
        path.split("/")[4] for path in host if path.startswith("/sys/kernel/iommu_groups/")
        and path.endswith(f"/devices/{name}")
    }  # fmt: skip
    for path in list(host):
        link = path.endswith(f"/{name}/iommu_group") or path == f"{SMMU}/devices/{name}"
        if link or path.startswith(f"/sys/kernel/iommu_groups/{number}/"):
            del host[path]


def add_member(
    host: dict[str, Entry], name: str, bus: str = "platform", node: str | None = None
) -> None:
    """Add a device of another bus, in a group of its own."""
    number = sum("/iommu_groups/" in path and path.endswith("/type") for path in host)
    home = f"/sys/devices/platform/{name}"
    host |= {f"{home}/uevent": b"MODALIAS=of:\n", f"{home}/subsystem": Link(f"../../../bus/{bus}")}
    if node is not None:
        host[f"{home}/of_node"] = Link(f"../../../firmware/devicetree/base{node}")
    _group(host, number, name, home)


def _host(
    functions: Iterable[str],
    release: str,
    log: bytes,
    cmdline: bytes,
    chips: Mapping[str, str],
    conventional: set[str],
) -> dict[str, Entry]:
    host = arm_host(0, release=release, cmdline=cmdline)
    host[DMESG] = log
    for number, way in enumerate(functions):
        name = way.rpartition("/")[2]
        home = f"{ECAM}/pci{way[:7]}/{way}"
        host |= {
            f"{home}/uevent": b"PCI_CLASS=20000\nPCI_ID=8086:10D3\n",
            f"{home}/subsystem": Link("../../../bus/pci"),
            f"/sys/bus/pci/devices/{name}": Link(f"../../../{home.removeprefix('/sys/')}"),
        }
        if name not in conventional:
            host[f"{home}/max_link_speed"] = b"2.5 GT/s PCIe\n"
        if name in chips:
            host[f"{home}/msi_irqs/{number + 30}"] = b"msix\n"
            host[f"/sys/kernel/irq/{number + 30}/chip_name"] = chips[name].encode() + b"\n"
        _group(host, number, name, home)
    return host


def _group(host: dict[str, Entry], number: int, name: str, home: str) -> None:
    group = f"/sys/kernel/iommu_groups/{number}"
    up = "../" * (home.count("/") - 1)
    host |= {
        f"{group}/type": b"DMA\n",
        f"{group}/reserved_regions": b"",
        f"{group}/devices/{name}": Link(f"../../../..{home.removeprefix('/sys')}"),
        f"{home}/iommu_group": Link(f"{up}kernel/iommu_groups/{number}"),
        f"{SMMU}/devices/{name}": Link("../" * 6 + home.removeprefix("/sys/")),
    }


def table(signature: bytes, body: bytes, revision: int = 5) -> bytes:
    head = struct.pack(
        "<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"TEST", b"TEST", 1, b"T", 1
    )
    raw = head + body
    return raw[:9] + bytes([-sum(raw) & 0xFF]) + raw[10:]


def madt(
    *, version: int = 3, its: Iterable[int] = (0,), frames: int = 0, v5: Iterable[int] = ()
) -> bytes:
    """A MADT: `its` are the identifiers of ITSs, 2 MiB apart.

    `v5` are the identifiers of translate frames of a GICv5, all of one ITS.
    """
    body = bytes(8) + struct.pack("<BBHIQIB3s", 0x0C, 24, 0, 0, 0x8000000, 0, version, b"")
    for number in its:
        body += struct.pack("<BBBBIQI", 0x0F, 20, 0, 0, number, 0x8080000 + (number << 21), 0)
    for number in range(frames):
        body += struct.pack("<BBHIQIHH", 0x0D, 24, 0, number, 0x8020000, 0, 64, 80)
    if v5:
        body += struct.pack("<BBBBIQ", 0x1D, 16, 0, 0, 7, 0x2F120000)
    for number in v5:
        body += struct.pack("<BBHIIIQ", 0x1E, 24, 0, 7, number, 0, 0x2F130000)
    return table(b"APIC", body)


def mapping(first: int, count: int, output: int, node: int, single: bool = False) -> bytes:
    """An id mapping; `node` is the offset of the target, as iort() places nodes."""
    return struct.pack("<5I", first, count, output, node, single)


def its_group(*ids: int) -> tuple[int, int, bytes, bytes]:
    return 0, 1, struct.pack(f"<{len(ids) + 1}I", len(ids), *ids), b""


def root_complex(segment: int, *mappings: bytes) -> tuple[int, int, bytes, bytes]:
    body = struct.pack("<IBHBIIB3s", 0, 0, 0, 0, 0, segment, 48, b"")
    return 2, 1, body, b"".join(mappings)


def smmu_v3(
    *mappings: bytes, revision: int = 4, flags: int = 0, wired: int = 1, index: int = 0
) -> tuple[int, int, bytes, bytes]:
    body = struct.pack("<QIIQI4III", 0x9050000, flags, 0, 0, 0, 1, 2, wired, 4, 0, index)
    return 4, revision, body, b"".join(mappings)


def component(*mappings: bytes) -> tuple[int, int, bytes, bytes]:
    return (
        1,
        4,
        struct.pack("<IIBHBB", 0, 0, 0, 0, 0, 40) + b"\\_SB.X\0".ljust(11, b"\0"),
        b"".join(mappings),
    )


def rmr(
    *ranges: tuple[int, int], mappings: bytes, relaxable: bool = False
) -> tuple[int, int, bytes, bytes]:
    body = struct.pack("<III", relaxable, len(ranges), 28)
    body += b"".join(struct.pack("<QQI", *region, 0) for region in ranges)
    return 6, 1, body, mappings


def offsets(nodes: Iterable[tuple[int, int, bytes, bytes]]) -> list[int]:
    """The offset at which iort() places each node; it hangs on the number of mappings alone."""
    places, place = [], 48
    for _, _, body, mappings in nodes:
        places.append(place)
        place += 16 + len(body) + len(mappings)
    return places


def iort(*nodes: tuple[int, int, bytes, bytes], edition: int = 5) -> bytes:
    body = struct.pack("<III", len(nodes), 48, 0)
    for kind, revision, data, mappings in nodes:
        size = 16 + len(data) + len(mappings)
        mappings_at = 16 + len(data) if mappings else 0
        body += struct.pack("<BHBIII", kind, size, revision, 0, len(mappings) // 20, mappings_at)
        body += data + mappings
    return table(b"IORT", body, edition)


def isolated(host: Mapping[str, Entry], name: str) -> bool | None:
    """Whether the kernels from v6.3 on would call the domain of this device isolated."""
    groups = evaluate(take(Memory(host)), "now", Choice("iommu_group_has_isolated_msi")).groups
    reports = [device for group in groups for device in group.devices if device.name == name]
    assert len(reports) == 1
    return reports[0].isolated.truth


def machine_isolated(host: Mapping[str, Entry]) -> bool | None:
    """Whether the kernels from v4.14 to v6.2 would accept every group."""
    groups = evaluate(take(Memory(host)), "now", Choice("irq_domain_check_msi_remap")).groups
    (truth,) = {group.headline.isolated.truth for group in groups}
    return truth


def safe_in_2016(host: Mapping[str, Entry]) -> bool | None:
    """Whether the series of 2016 would accept the first group."""
    return evaluate(take(Memory(host)), "now").groups[0].series.isolated.truth
