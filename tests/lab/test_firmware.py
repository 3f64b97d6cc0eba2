"""Edits of device trees and ACPI tables: what they change, and that they refuse to go nowhere."""

from __future__ import annotations

import struct

import pytest

from lab import acpi, cpio, devicetree
from lab.devicetree import Node, Tree
from lab.say import Failed


def tree() -> Tree:
    its = Node({"phandle": struct.pack(">I", 0x8003), "status": b"okay\0"}, {})
    pcie = Node({"msi-map": struct.pack(">4I", 0, 0x8003, 0, 0x10000), "odd": b"abc"}, {})
    return Tree(Node({"compatible": b"x\0"}, {"its@1": its, "pcie@2": pcie}), 1, b"\0" * 16)


def test_a_tree_is_read_as_it_was_written() -> None:
    assert devicetree.read(devicetree.write(tree())) == tree()


def test_edits_are_made_in_their_order() -> None:
    edits = [
        ("new", "/its@1/frame@3"),
        ("cells", "/its@1/frame@3", "reg", 0, 0x8020000),
        ("flag", "/its@1", "msi-controller"),
        ("text", "/its@1", "status", "disabled"),
        ("cells", "/pcie@2", "msi-map", 0, "&/its@1", 0, 8),
        ("delete", "/pcie@2", "odd"),
    ]
    root = devicetree.read(devicetree.edited(devicetree.write(tree()), edits)).root
    its = root.children["its@1"]
    assert its.children["frame@3"].properties == {"reg": struct.pack(">2I", 0, 0x8020000)}
    assert its.properties["msi-controller"] == b""
    assert its.properties["status"] == b"disabled\0"
    assert root.children["pcie@2"].properties == {"msi-map": struct.pack(">4I", 0, 0x8003, 0, 8)}


def test_a_node_is_removed() -> None:
    blob = devicetree.edited(devicetree.write(tree()), [("remove", "/its@1")])
    assert list(devicetree.read(blob).root.children) == ["pcie@2"]


@pytest.mark.parametrize(
    "edit",
    [
        ("flag", "/no", "x"),
        ("delete", "/pcie@2", "no"),
        ("remove", "/its@1/no"),
        ("cells", "/pcie@2", "msi-map", 0, "&/no", 0, 1),
        ("cells", "/its@1", "msi-map", 0, "&/pcie@2", 0, 1),
    ],
)
def test_an_edit_that_goes_nowhere_is_refused(edit: tuple[object, ...]) -> None:
    with pytest.raises(Failed):
        devicetree.edited(devicetree.write(tree()), [edit])


def test_what_is_no_device_tree_is_refused() -> None:
    with pytest.raises(Failed, match="no device tree"):
        devicetree.read(b"\0" * 64)


def table(signature: bytes, body: bytes) -> bytes:
    header = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 1, 0, b"", b"", 7, b"", 0)
    return header + body


def overridden(archive: bytes, name: str) -> bytes:
    """The table in an archive of the initrd."""
    start = archive.index(f"{name}.aml\0".encode())
    head = archive.rindex(b"070701", 0, start)
    size = int(archive[head + 54 : head + 62], 16)
    length = int(archive[head + 94 : head + 102], 16)
    data = head + 110 + length
    data += -(data - head) % 4
    return archive[data : data + size]


MADT_ITS = struct.pack("<BBHIQI", 0x0F, 20, 0, 0, 0x8080000, 0)
MADT = table(b"APIC", b"\0" * 8 + b"\x0b\x04ab" + MADT_ITS)


def test_a_table_is_newer_and_its_sum_is_right() -> None:
    new = overridden(acpi.override({"APIC": MADT}, ("madt_without_its",)), "apic")
    assert struct.unpack_from("<I", new, 4)[0] == len(new) == len(MADT) - 20
    assert struct.unpack_from("<I", new, 24)[0] == 8
    assert sum(new) % 256 == 0


def test_the_its_moves_and_nothing_else() -> None:
    new = overridden(acpi.override({"APIC": MADT}, ("madt_its_elsewhere",)), "apic")
    assert new[36:48] == MADT[36:48]
    assert struct.unpack_from("<BBHIQI", new, 48) == (0x0F, 20, 0, 0, 0x4000000, 0)


def test_memory_of_firmware_is_added_to_the_dmar() -> None:
    drhd = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xFED90000)
    old = table(b"DMAR", b"\x2f\x01" + b"\0" * 10 + drhd)
    new = overridden(acpi.override({"DMAR": old}, ("dmar_with_rmrr",)), "dmar")
    assert new[40 : len(old)] == old[40:]
    offset, count = len(old), 0
    while offset < len(new):
        kind, length = struct.unpack_from("<HH", new, offset)
        assert kind == 1
        assert struct.unpack_from("<QQ", new, offset + 8) == (0xBFFF0000, 0xBFFFFFFF)
        offset, count = offset + length, count + 1
    assert count == 5


def test_the_io_apic_of_the_ivrs_moves() -> None:
    entry = b"\x48\0\0\xd7\2\xa0\0\1"
    _, new = acpi.EDITS["ivrs_ioapic_at_0b"]({"IVRS": table(b"IVRS", entry + entry)})
    assert new[36:] == b"\x48\0\0\xd7\2\x58\0\1" * 2


def test_an_ivrs_without_that_io_apic_is_told() -> None:
    with pytest.raises(Failed, match="names no IO-APIC"):
        acpi.EDITS["ivrs_ioapic_at_0b"]({"IVRS": table(b"IVRS", b"")})


def test_a_table_that_the_machine_lacks_is_told() -> None:
    with pytest.raises(Failed, match="no ACPI table IORT"):
        acpi.override({"APIC": MADT}, ("iort_not_coherent",))


def test_an_archive_of_the_initramfs_has_its_directories_first() -> None:
    packed = cpio.pack({"etc/a/b": cpio.File(b"x"), "bin/sh": cpio.link("busybox")})
    assert len(packed) % 512 == 0
    order = [packed.index(name) for name in (b"bin\0", b"etc\0", b"etc/a\0", b"etc/a/b\0")]
    assert order == sorted(order)
    assert packed.rstrip(b"\0").endswith(b"TRAILER!!!")
