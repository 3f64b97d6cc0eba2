"""`vfioguard explain`: what firmware says of a device, beside the verdict."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.test_cli import vfioguard
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, madt, rmrr
from vfioguard.root.memory import Entry

TABLES = "/sys/firmware/acpi/tables"
UNIT = 0xFED90000
NIC = Function("0000:00:14.0", "IR-PCI-MSIX")
KEPT = rmrr(0x1000, 0x1FFF, (1, 0, 0, ((0x14, 0),)))
FIRMWARE: dict[str, Entry] = {
    f"{TABLES}/DMAR": dmar(drhd(UNIT, flags=1), KEPT), f"{TABLES}/APIC": madt(2),
}  # fmt: skip
REGIONS = "/sys/kernel/iommu_groups/5/reserved_regions"
DIRECT = b"0x0000000000001000 0x0000000000001fff direct\n"


def explained(tmp_path: Path, target: str, *parts: dict[str, Entry]) -> list[str]:
    entries: dict[str, Entry] = {}
    for part in parts:
        entries |= part
    trees.write(tmp_path / "root", entries)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), target)
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_memory_that_blocks_an_attach_is_told_with_its_table(tmp_path: Path) -> None:
    lines = explained(tmp_path, "group:5", x86_host({5: [NIC]}), FIRMWARE, {REGIONS: DIRECT})
    at = lines.index("memory that stays mapped one to one for its devices:")
    assert lines[at + 1 :] == [
        f"  0x1000-0x1fff, RMRR in {TABLES}/DMAR: 0000:00:14.0",
        f"  0x1000-0x1fff, direct in {REGIONS}",
        "  an attach is refused whatever the interrupts (EINVAL from v6.6, before by Intel EPERM)",
    ]


def test_memory_that_is_given_up_for_a_guest_blocks_nothing(tmp_path: Path) -> None:
    shown: dict[str, Entry] = {REGIONS: DIRECT.replace(b"direct", b"direct-relaxable")}
    lines = explained(tmp_path, "group:5", x86_host({5: [NIC]}), FIRMWARE, shown)
    assert lines[-1] == f"  0x1000-0x1fff, direct-relaxable (given up for a guest) in {REGIONS}"


def test_a_group_that_shows_no_such_memory_has_none(tmp_path: Path) -> None:
    lines = explained(tmp_path, "group:5", x86_host({5: [NIC]}), FIRMWARE)
    assert not any("one to one" in line for line in lines)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (drhd(UNIT, flags=1), f"the remapping unit at {UNIT:#x} is for it ({TABLES}/DMAR)"),
        (drhd(UNIT, (1, 0, 0, ((3, 0),))), f"no remapping unit of {TABLES}/DMAR is for it"),
    ],
)
def test_a_device_in_no_group_is_told_its_remapping_unit(
    tmp_path: Path, unit: bytes, expected: str
) -> None:
    host = x86_host({5: [NIC]})
    alone = {path: entry for path, entry in host.items() if "iommu" not in path}
    alone["/sys/kernel/iommu_groups"] = None
    lines = explained(tmp_path, NIC.name, alone, FIRMWARE, {f"{TABLES}/DMAR": dmar(unit)})
    assert lines[0].startswith("0000:00:14.0: in no IOMMU group")
    assert lines[1] == f"  {expected}"


@pytest.mark.parametrize(
    ("ecap", "words"), [(b"f00f4a", "can remap"), (b"f00f42", "cannot remap interrupts (ECAP.IR")]
)
def test_whether_that_unit_can_remap_is_told_where_sysfs_shows_it(
    tmp_path: Path, ecap: bytes, words: str
) -> None:
    host = x86_host({5: [NIC], 6: ["0000:00:02.0"]})
    alone = {path: entry for path, entry in host.items() if not path.endswith("14.0/iommu_group")}
    del alone["/sys/kernel/iommu_groups/5/devices/0000:00:14.0"]
    del alone["/sys/devices/virtual/iommu/dmar0/devices/0000:00:14.0"]
    alone["/sys/devices/virtual/iommu/dmar0/intel-iommu/ecap"] = ecap + b"\n"
    lines = explained(tmp_path, NIC.name, alone, FIRMWARE)
    assert f"which {words}" in lines[1]


REFUSING = x86_host({3: ["0000:00:02.0"], 4: ["0000:00:03.0"]}, remapping=False)
LINE = "[  9.1] vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module ..."


def asked(tmp_path: Path, target: str, host: dict[str, Entry]) -> tuple[int, str]:
    trees.write(tmp_path / "root", host)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), target)
    assert result.stderr == ""
    return result.returncode, " ".join(result.stdout.split())


def test_a_line_of_the_log_is_explained_with_the_groups_of_this_host(tmp_path: Path) -> None:
    status, text = asked(tmp_path, LINE, REFUSING)
    assert status == 2
    assert text.startswith("an attach was refused (EPERM)")
    assert "refused for their interrupts: group 3, group 4" in text


@pytest.mark.parametrize("name", ["EPERM", "eperm", "-EPERM", " EPERM "])
def test_an_errno_is_explained_by_the_call_that_answers_it(tmp_path: Path, name: str) -> None:
    trees.write(tmp_path / "root", REFUSING)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), "--", name)
    text = " ".join(result.stdout.split())
    assert "EPERM by the call that answers so: VFIO_SET_IOMMU" in text
    assert "the override does not help" in text
    assert text.startswith(
        "here (kernel 6.12.0-amd64): refused for their interrupts: group 3, group 4"
    )
    assert result.returncode == 2


def test_the_groups_that_firmware_keeps_memory_for_are_named(tmp_path: Path) -> None:
    host = {**x86_host({5: [NIC], 6: ["0000:00:02.0"]}), REGIONS: DIRECT}
    status, text = asked(tmp_path, "EINVAL", host)
    assert status == 0
    assert "memory is kept for: group 5" in text


def test_a_group_that_the_host_has_a_hand_in_is_named(tmp_path: Path) -> None:
    mixed = [
        Function("0000:00:14.0", "IR-PCI-MSIX", driver="vfio-pci"),
        Function("0000:00:14.1", "IR-PCI-MSIX", driver="igb"),
    ]
    bridge = [
        Function("0000:01:00.0", "IR-PCI-MSIX", driver="vfio-pci"),
        Function("0000:00:1c.0", "IR-PCI-MSIX", driver="pcieport"),
    ]
    _, text = asked(tmp_path, "EBUSY", x86_host({5: mixed, 6: bridge}))
    assert "with members on VFIO and on other drivers: group 5" in text
    assert "group 6" not in text


@pytest.mark.parametrize("target", ["ENOSPC", "usb 1-1: new device"])
def test_what_nobody_knows_is_one_line_and_a_status(tmp_path: Path, target: str) -> None:
    trees.write(tmp_path / "root", REFUSING)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), target)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("vfioguard: nothing is known of ")
    assert len(result.stderr.splitlines()) == 1


QEMU = "qemu: -device vfio-pci,host=00:02.0: vfio 0000:00:02.0: Failed to set iommu: Operation not"


def test_a_message_begins_with_the_verdict_on_the_device_that_it_names(tmp_path: Path) -> None:
    status, text = asked(tmp_path, f"{QEMU} permitted", REFUSING)
    assert status == 2
    assert text.startswith("group 3 (0000:00:02.0) by its interrupts: refused proof: vfioguard")
    assert "group 4 (" not in text
    assert "EPERM by the call that answers so:" in text


@pytest.mark.parametrize("name", ["group 4", "group: 4", "0000:00:03.0"])
def test_only_what_the_message_names_decides_the_status(tmp_path: Path, name: str) -> None:
    odd = {3: ["0000:00:02.0"], 4: [Function("0000:00:03.0", "IR-PCI-MSIX")]}
    status, text = asked(tmp_path, f"{name} is busy: Device or resource busy", x86_host(odd))
    assert status == 0
    assert text.startswith("group 4 (0000:00:03.0) by its interrupts: allowed")


def test_a_device_of_another_host_is_said_to_be_none_here(tmp_path: Path) -> None:
    status, text = asked(tmp_path, "vfio 0000:41:00.0: error -22", REFUSING)
    assert status == 2
    assert text.startswith("0000:41:00.0: no such device on this host")


def test_a_time_is_no_device(tmp_path: Path) -> None:
    _, text = asked(tmp_path, "at 0:02:00:03.0 Operation not permitted", REFUSING)
    assert text.startswith("here (kernel")


def test_the_proof_that_is_offered_is_of_the_same_host(tmp_path: Path) -> None:
    root = tmp_path / "an other root"
    trees.write(root, REFUSING)
    options = ["--root", str(root), "--policy", "iommu_capable"]
    for command in (["report", *options], ["explain", *options, "group 3: Invalid argument"]):
        printed = vfioguard(*command).stdout.splitlines()
        found = next(line for line in printed if "roof: " in line)
        _, *proof = shlex.split(found.split("roof: ")[1])
        again = vfioguard(*proof)
        assert again.returncode == 2
        assert again.stdout.startswith("group 3: refused (iommu_capable")
