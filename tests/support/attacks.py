"""Captures that take as much time or memory as the limits of a capture let them.

Each shape is a stream of members. Most never end: `write` stops at the limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from typing import BinaryIO, TypeAlias

from tests.support import arm_firmware as arm
from tests.support import packed_tables as packed
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.tars import END, file, header, pax, record
from vfioguard.root import capture
from vfioguard.root.memory import MAX_NAMES, Entry, Link

Members: TypeAlias = Iterator[tuple[str, Entry]]

_GROUPS = "/sys/kernel/iommu_groups"
_PCI = "/sys/bus/pci/devices"
_TREE = "/sys/firmware/devicetree/base"
_ACPI = "/sys/firmware/acpi/tables"
#: Terminal control; every face shows each byte of it as four characters.
_ESCAPES = "\x1b" * 200


def _address(number: int) -> str:
    """The PCI address of a function, in a domain that no host here has."""
    return f"{16 + (number >> 16):04x}:{number >> 8 & 255:02x}:{number >> 3 & 31:02x}.{number & 7}"


def _function(number: int, group: int | None, way: str = "") -> Members:
    """A function with its group, as a capture of an x86 host has it."""
    name = _address(number)
    home = f"/sys/devices/pci{name[:7]}{way}/{name}"
    up = "../" * (home.count("/") - 1)
    yield f"{_PCI}/{name}", Link(f"../../../devices{home.removeprefix('/sys/devices')}")
    yield f"{home}/uevent", b"DRIVER=e1000e\nPCI_CLASS=20000\nPCI_ID=8086:10D3\n"
    yield f"{home}/msi_irqs", None
    if group is not None:
        yield f"{home}/iommu_group", Link(f"{up}kernel/iommu_groups/{group}")
        yield f"{_GROUPS}/{group}/type", b"DMA\n"
        yield f"{_GROUPS}/{group}/reserved_regions", b""
        yield f"{_GROUPS}/{group}/devices/{name}", Link(f"../../../../devices/x/{name}")


def _functions() -> Members:
    for number in count():
        yield from _function(number, 100 + number)


def _member(group: int, name: str, target: str = "") -> tuple[str, Entry]:
    return f"{_GROUPS}/{group}/devices/{name}", Link(target or f"../../../../devices/{name}")


def _on(host: Mapping[str, Entry], *others: Members) -> Members:
    return chain(iter(host.items()), *others)


def _x86(*others: Members) -> Members:
    return _on(x86_host(2, remapping=False, msis=False), *others)


def _links() -> Members:
    """A chain of 39 links, each with 800 times `x/..`, and functions that link to the first."""
    yield "/sys/x", None
    for number in range(38):
        yield f"/sys/l{number}", Link("x/../" * 800 + f"l{number + 1}")
    yield "/sys/l38", Link("x/../" * 800 + "devices")
    for number in count():
        yield f"{_PCI}/{_address(number)}", Link("/sys/l0")


def _long_links() -> Members:
    yield "/sys/x", None
    for number in count():
        yield f"{_PCI}/{_address(number)}", Link("../../../" + "x/../" * 800 + f"devices/d{number}")


def _tree_host(*others: Members) -> Members:
    host = arm.devicetree_host(arm.tree({"msi-map": arm.cells(*(1, 1, 0, 1) * 4000)}))
    return _on(host, *others)


def _arm_functions(*bridges: str) -> Members:
    """Functions behind these bridges, each in a group of its own."""
    for number in count():
        name = f"0000:{number >> 8 & 255:02x}:{number >> 3 & 31:02x}.{number & 7}"
        name = name if number < 1 << 16 else _address(number)
        home = "/".join((arm.ECAM, "pci0000:00", *bridges, name))
        yield f"{_PCI}/{name}", Link(f"../../../{home.removeprefix('/sys/')}")
        yield f"{_GROUPS}/{100 + number}/devices/{name}", Link(f"../../../..{home[4:]}")


def _nodes() -> Members:
    for number in range(19_000):
        yield f"{_TREE}/pcie@10000000/n@{number}/msi-controller", b""


def _iort() -> bytes:
    """A root complex and SMMUs in a circle, with as many mappings as a table may have."""
    ring = 40
    many = arm.mapping(0x20000, 1, 0, 48) * 180

    def circle(places: list[int]) -> list[tuple[int, int, bytes, bytes]]:
        targets = (places[1 + (number + 1) % ring] for number in range(ring))
        ways = [arm.mapping(0, 0xFFFF, 0, target) for target in targets]
        first, *others = ways
        smmus = (arm.smmu_v3(many, way) for way in others)
        return [arm.its_group(0), arm.root_complex(0, many, first), *smmus]

    return arm.iort(*circle(arm.offsets(circle([0] * (ring + 1)))))


def _dmar() -> bytes:
    """RMRRs whose scopes all mean one bridge, behind which every function is."""
    scopes = ((2, 0, 0, ((0, 1),)),) * 8
    starts = (number << 20 for number in range(900))
    return packed.dmar(*(packed.rmrr(start, start + 4095, *scopes, segment=16) for start in starts))


def _ivrs() -> bytes:
    """8,000 regions of memory, each kept for every device."""
    starts = (number << 20 for number in range(8000))
    blocks = (
        packed.ivmd(0, start, 4096, kind=0x22, flags=8, last=0xFFFF, segment=16) for start in starts
    )
    return packed.ivrs(packed.ivhd(), *blocks)


def _below_a_bridge() -> Members:
    bridge = "0010:00:00.1"
    yield f"{_PCI}/{bridge}", Link(f"../../../devices/pci0010:00/{bridge}")
    yield f"/sys/devices/pci0010:00/{bridge}/uevent", b"PCI_CLASS=60400\n"
    for number in count(16):
        yield from _function(number, None, f"/{bridge}")


def _shared(name: str) -> Members:
    """A directory with the most members that it may have, to which every group links."""
    for number in range(MAX_NAMES):
        yield _member(5, f"d{number}")
    for number in count(100):
        yield f"{_GROUPS}/{number}/{name}", Link(f"../5/{name}")


def _shared_vectors() -> Members:
    home = "/sys/devices/pci0010:00/0010:00:00.0"
    for number in range(MAX_NAMES):
        yield f"{home}/msi_irqs/{number * 3}", b""
    yield "/sys/kernel/irq/0/chip_name", b"x" * 4000
    for number in count(1):
        yield f"{_PCI}/{_address(number)}", Link(f"../../../{home.removeprefix('/sys/')}")


def _shared_chip() -> Members:
    home = "/sys/devices/pci0010:00/0010:00:00.0"
    yield f"{home}/msi_irqs/0", b""
    yield f"{home}/iommu_group", Link("../../../kernel/iommu_groups/0")
    yield "/sys/kernel/irq/0/chip_name", b"x" * 4000
    for number in count(1):
        yield f"{_PCI}/{_address(number)}", Link(f"../../../{home.removeprefix('/sys/')}")


def _shared_options() -> Members:
    yield "/etc/modprobe.d/0.conf", (b"options vfio" + b" x" * 26 + b"\n") * 1000
    for number in count(1):
        yield f"/etc/modprobe.d/{number}.conf", Link("0.conf")


def _log(line: bytes) -> Members:
    """A log full of this line, on a host without interrupts, so that the log is read."""
    host = x86_host(2, remapping=False, msis=False)
    quiet = {path: entry for path, entry in host.items() if not path.startswith("/sys/kernel/irq")}
    return _on(quiet, iter([("/CAPTURE/dmesg", line * ((4 << 20) // len(line)))]))


SHAPES: dict[str, Callable[[], Members]] = {
    "empty groups": lambda: _x86((f"{_GROUPS}/{n}", None) for n in count(100)),
    "groups of a device": lambda: _x86(_member(n, f"d{n}") for n in count(100)),
    "one group": lambda: _x86(_member(100, f"d{n}") for n in count()),
    "groups of 40 devices of one name": lambda: _x86(
        _member(100 + n // 40, f"x{n}", "../e") for n in count()
    ),
    "functions in groups": lambda: _x86(_functions()),
    "functions in none": lambda: _x86(chain.from_iterable(_function(n, None) for n in count())),
    "functions without files": lambda: _x86((f"{_PCI}/{_address(n)}", None) for n in count()),
    "IOMMUs": lambda: _x86((f"/sys/class/iommu/dmar{n}", None) for n in count(5)),
    "managed devices": lambda: _x86(
        (f"/sys/class/iommu/dmar5/devices/d{n}", None) for n in count()
    ),
    "long names of escapes": lambda: _x86(
        _member(n, f"{_ESCAPES}{n}", f"x/{_ESCAPES}{n}") for n in count(100)
    ),
    "long names": lambda: _x86(
        _member(n, f"{'x' * 240}{n}", f"x/{'x' * 240}{n}") for n in count(100)
    ),
    "long drivers": lambda: _x86(
        chain.from_iterable(
            ((f"{_PCI}/{_address(n)}/uevent", b"DRIVER=%b%d\n" % (b"\x1b" * 4000, n)),)
            for n in count()
        )
    ),
    "regions": lambda: _x86(
        (
            f"{_GROUPS}/{n}/reserved_regions",
            b"".join(b"0x%016x 0x%016x direct\n" % (n << 12, page) for page in range(90)),
        )
        for n in count(100)
    ),
    "chains of links": lambda: _x86(_links()),
    "links of 800 steps": lambda: _x86(_long_links()),
    "a deep path": lambda: _x86((f"/sys{'/d' * 1900}{n}", None) for n in count()),
    "many names": lambda: _x86((f"/sys/x{n}", None) for n in count()),
    "vectors": lambda: _x86((f"{_PCI}/{_address(0)}/msi_irqs/{n}", b"") for n in count()),
    "a directory that every group has": lambda: _x86(_shared("devices")),
    "vectors that every function has": lambda: _x86(_shared_vectors()),
    "a chip that every function has": lambda: _x86(_shared_chip()),
    "modprobe.d of links": lambda: _x86(_shared_options()),
    "a log of blanks": lambda: _log(b"[    0.1] DMAR: x\n" + b" \t" * 30000 + b"\n"),
    "a log of stamps": lambda: _log(b"Nov 29 11:12:36 " * 4000 + b"\n"),
    "a log of messages": lambda: _log(b"[    0.1] DMAR: x\n    y\n"),
    "a log of kernels": lambda: _log(b"[    0.1] Linux version 6.1\n"),
    "a log that begins often": lambda: _log(b"\n[ < < < < <  kern :info : [[["),
    "irq domains of blanks": lambda: _x86(
        (f"/sys/kernel/debug/irq/domains/d{n}", b"name: x" + b" " * 65000 + b"y\nflags: 0x10\n")
        for n in count()
    ),
    "modprobe.d": lambda: _x86(
        (f"/etc/modprobe.d/{n}.conf", b"options vfio" + b" x" * 32000 + b"\n") for n in count()
    ),
    "node names": lambda: _tree_host((f"{_TREE}/n@{n}/msi-map", b"") for n in count()),
    "functions behind a long msi-map": lambda: _tree_host(_arm_functions(*[_address(9)] * 6)),
    "functions and nodes": lambda: _tree_host(_nodes(), _arm_functions(*[_address(9)] * 6)),
    "an IORT in a circle": lambda: _on(
        arm.acpi_host({"IORT": _iort(), "APIC": arm.madt()}), _arm_functions()
    ),
    "a DMAR of one bridge": lambda: _x86(iter([(f"{_ACPI}/DMAR", _dmar())]), _below_a_bridge()),
    "an IVRS of all devices": lambda: _on(
        x86_host({0: [Function("0000:01:00.0")]}, vendor="amd", remapping=False),
        iter([(f"{_ACPI}/IVRS", _ivrs())]),
        chain.from_iterable(_function(n, 100 + n) for n in count()),
    ),
}


#: Shapes whose tables cost most.
OF_TABLES = frozenset({"an IORT in a circle", "a DMAR of one bridge", "an IVRS of all devices"})


def write(path: str, members: Members, kept: int, most: int) -> int:
    """Write members up to `kept` bytes of weight and `most` names; returns the number of names."""
    weight = 0
    parents: set[str] = {""}
    packer = zlib.compressobj(1, wbits=31)
    with open(path, "wb") as out:
        for name, entry in members:
            weight += _weight(name, entry, parents)
            if weight > kept or len(parents) > most:
                break
            out.write(packer.compress(_packed(name, entry)))
        out.write(packer.compress(END) + packer.flush())
    return len(parents)


def _weight(path: str, entry: Entry, parents: set[str]) -> int:
    weight = capture.weight(path, entry)
    parents.add(path)
    while (path := path.rpartition("/")[0]) not in parents:
        parents.add(path)
        weight += capture.weight(path, None)
    return weight


def _packed(path: str, entry: Entry) -> bytes:
    name = path[1:].encode(errors="surrogateescape")
    target = entry.target.encode(errors="surrogateescape") if isinstance(entry, Link) else b""
    records = b"".join(
        record(key, value)
        for key, value in ((b"path", name), (b"linkpath", target))
        if len(value) > 99
    )
    before = pax(records) if records else b""
    if isinstance(entry, Link):
        return before + header(name[:99], kind=b"2", link=target[:99])
    if isinstance(entry, bytes):
        return before + file(name[:99], entry)
    return before + header(name[:99], kind=b"5")


def archives() -> dict[str, Callable[[BinaryIO], None]]:
    """Archives without a host, which cost time or memory while they are unpacked."""
    return {
        "pax headers of small records": lambda out: _repeated(out, pax(b"5 a=\n" * 13000), 7000),
        "pax headers": lambda out: _repeated(out, pax(b"6 a=b\n"), 500_000),
        "members of one name": lambda out: _repeated(out, header(b"sys", kind=b"5"), 1_000_000),
        "long names of GNU tar": lambda out: _repeated(
            out, header(b"x", kind=b"L", size=65536) + b"x" * 65536, 8000
        ),
        "empty streams": lambda out: _streams(out, 3_000_000),
        "zeros": lambda out: _repeated(out, bytes(1 << 20), 2000),
    }


def _repeated(out: BinaryIO, block: bytes, times: int) -> None:
    packer = zlib.compressobj(1, wbits=31)
    out.writelines(packer.compress(block) for _ in range(times))
    out.write(packer.flush())


def _streams(out: BinaryIO, times: int) -> None:
    empty = zlib.compressobj(1, wbits=31).flush()
    out.write(empty * times)
