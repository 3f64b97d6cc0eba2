"""Hosts with a hostile name at every place where a name can stand, one place at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.support import arm_firmware as arm
from tests.support import packed_tables as packed
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.root.memory import Entry, Link

#: The begin of a line that only the attacker writes.
FORGED = "allowed 0000:66:66.6"
#: Terminal control (7 and 8 bit), new lines of four kinds, a text direction, an invisible blank and
#: hyphen, quotes of every syntax, markup, a letter of another script, a byte that is not UTF-8.
MARK = (
    f"x\x1b]0;t\x07\x1b[31m\n{FORGED} by\r{FORGED}\x85\x9b1m\u2028{FORGED} by\u202e\u2066\u200b\xad"
    "\"'`<script>&{}\\,=\x7f\xe9\udcff"
)
#: A file can hold a zero byte, too.
CONTENT = MARK.encode(errors="surrogateescape") + b"\0"

_DOMAINS = "/sys/kernel/debug/irq/domains"
_LOG = b"[    0.1] DMAR: %s\n[    0.2] AMD-Vi: %s\n[    0.3] ITS [mem %s\n"
_MEMBERS = {0: [Function("0000:01:00.0", "IR-PCI-MSIX"), "AMDI0096:00"], 1: ["0000:02:00.0"]}


def bases() -> dict[str, dict[str, Entry]]:
    """One host of each kind that has other readers than the others."""
    noir = x86_host(2, remapping=False, override=None, iommufd=False)
    return {
        "x86": _furnished(x86_host(_MEMBERS, remapping=True)),
        "x86, no remapping": _furnished(noir),
        "AMD": _furnished(x86_host(_MEMBERS, vendor="amd", msis=False)) | _amd(),
        "no groups": _furnished(_ungrouped(noir)),
        "devicetree": _devicetree(),
        "IORT": _iort(),
    }


def variants(entries: Mapping[str, Entry]) -> Iterator[tuple[str, dict[str, Entry]]]:
    """What is hostile, and the host: each name, link text and file, replaced or added to.

    A name changes wherever it occurs, as on a host whose device has this name.
    """
    for name in sorted({part for path in entries for part in path.split("/") if part}):
        for replacement in (MARK, name + MARK):
            yield f"the name {name}: {replacement!r:.9}", _renamed(entries, name, replacement)
    for path, entry in sorted(entries.items()):
        if isinstance(entry, Link):
            for text in (MARK, f"{entry.target}{MARK}"):
                yield f"the link {path}: {text!r:.9}", {**entries, path: Link(text)}
        elif isinstance(entry, bytes):
            for number, content in enumerate(_contents(entry)):
                yield f"the file {path}: {number}", {**entries, path: content}


def _contents(content: bytes) -> Iterator[bytes]:
    """Hostile contents: the whole file, the end of its first line, and a value of each line."""
    yield CONTENT
    first, _, others = content.partition(b"\n")
    yield first + CONTENT + b"\n" + others
    lines = content.split(b"\n")
    yield b"\n".join(line.partition(b"=")[0] + b"=" + CONTENT.replace(b"\n", b"") for line in lines)
    if content:
        inner = CONTENT.replace(b"\n", b"").replace(b" ", b"")
        yield b"\n".join(b" ".join([*line.split(b" ")[:-1], inner]) for line in lines)
        yield b"\n".join(b" ".join([*line.split(b" "), inner]) for line in lines)


def _renamed(entries: Mapping[str, Entry], name: str, replacement: str) -> dict[str, Entry]:
    def changed(path: str) -> str:
        return "/".join(replacement if part == name else part for part in path.split("/"))

    return {
        changed(path): Link(changed(entry.target)) if isinstance(entry, Link) else entry
        for path, entry in entries.items()
    }


def _furnished(host: dict[str, Entry]) -> dict[str, Entry]:
    """The host with all other files that a reader may look at."""
    return host | {
        "/sys/class/dmi/id/sys_vendor": b"LENOVO\n",
        "/sys/class/dmi/id/product_name": b"81FB\n",
        "/sys/hypervisor/type": b"kvm\n",
        "/sys/bus/vmbus/devices/one": b"",
        "/etc/modprobe.d/vfio.conf": b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n",
        "/CAPTURE/dmesg": _LOG % (b"IRQ remapping", b"Interrupt remapping enabled", b"0x8080000]"),
        f"{_DOMAINS}/INTEL-IR-MSI-0": b"name:   INTEL-IR-MSI-0\n flags:  0x00000033\n",
        f"{_DOMAINS}/other": b"name:   other\n flags:  0x00000013\n parent: x\n    flags: 0x1\n",
        "/sys/kernel/debug/iommu/intel/ir_translation_struct": (
            b"Remapped Interrupt supported on IOMMU: dmar0\n IR table address:1\n"
        ),
        "/sys/firmware/acpi/tables/FACP": b"FACP",
        "/sys/firmware/acpi/tables/DMAR": packed.dmar(packed.drhd(0xFED90000, flags=1)),
        "/sys/firmware/acpi/tables/APIC": packed.madt(0),
        "/proc/sys/kernel/random/boot_id": b"5f0a1f0e-5e7a-4b7f-8a53-f9f2b2b4e4a1\n",
    }


def _ungrouped(host: dict[str, Entry]) -> dict[str, Entry]:
    kept = (p for p in host if "iommu_group" not in p)
    return {path: host[path] for path in kept} | {"/sys/kernel/iommu_groups": None}


def _amd() -> dict[str, Entry]:
    block = packed.ivhd(packed.special(0, 0xA0), packed.hid(b"AMDI0096", 5), kind=0x40)
    memory = packed.ivmd(0x100, 0x1000, 0x1000)
    return {"/sys/firmware/acpi/tables/IVRS": packed.ivrs(block, memory)}


def _devicetree() -> dict[str, Entry]:
    nodes = arm.tree({"msi-map": arm.EVERY_ID, "status": b"okay\0"})
    nodes["/dma@1"] = {"compatible": b"some,dma\0", "msi-parent": arm.cells(arm.TO_ITS, 5)}
    host = arm.devicetree_host(nodes, ("0000:00:02.0", "0000:00:01.0/0000:01:00.0"))
    arm.add_member(host, "fe000000.dma", node="/dma@1")
    arm.add_member(host, "arm-smmu.1", bus="amba")
    return host


def _iort() -> dict[str, Entry]:
    group, component = arm.its_group(0), arm.component(arm.mapping(0, 1, 0, 48))
    complex_ = arm.root_complex(0, arm.mapping(0, 0xFFFF, 0, 48))
    rmr = arm.rmr((0x1000, 0x1000), mappings=arm.mapping(0, 1, 0, 48))
    tables = {"IORT": arm.iort(group, component, complex_, rmr), "APIC": arm.madt()}
    host = arm.acpi_host(tables, ("0000:00:02.0", "0000:00:01.0/0000:01:00.0"))
    arm.add_member(host, "ARMH0061:00", bus="acpi")
    return host
