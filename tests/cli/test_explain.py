"""`vfioguard explain`: what firmware says of a device, beside the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import vfioguard
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, madt, rmrr
from vfioguard.cli import host, main
from vfioguard.judging.holding import held_by
from vfioguard.report import Holder
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
    proof = ["--proof", "group:5"] if target == "--proof" else [target]
    result = vfioguard("explain", "--root", str(tmp_path / "root"), *proof)
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_what_the_screen_leaves_out_stands_in_the_proof(tmp_path: Path) -> None:
    noir = x86_host({5: [Function("0000:00:14.0", "PCI-MSIX")]}, remapping=False)
    lines = explained(tmp_path, "--proof", noir, FIRMWARE)
    at = next(place for place, line in enumerate(lines) if line.startswith("cause unit_cannot"))
    assert lines[at + 1].startswith("  the rule: ")
    assert any(line.startswith("last resort: ") for line in lines[at:])


def said(lines: list[str]) -> str:
    """The lines without their ends, which stand where the screen ends."""
    return " ".join(" ".join(lines).split())


def test_memory_that_blocks_an_attach_is_told_with_its_table(tmp_path: Path) -> None:
    regions: dict[str, Entry] = {REGIONS: DIRECT}
    lines = explained(tmp_path, "group:5", x86_host({5: [NIC]}), FIRMWARE, regions)
    told = [
        f"  0x1000-0x1fff, RMRR in {TABLES}/DMAR: 0000:00:14.0",
        f"  0x1000-0x1fff, direct in {REGIONS}",
        "  an attach is refused whatever the interrupts (EINVAL from v6.6, before by Intel EPERM)",
    ]
    at = lines.index("memory that stays mapped one to one for its devices:")
    assert lines[at + 1 : at + 3] == told[:2]
    assert " ".join(line.strip() for line in lines[at + 3 : at + 5]) == told[2].strip()
    whole = explained(tmp_path / "again", "--proof", x86_host({5: [NIC]}), FIRMWARE, regions)
    at = len(whole) - whole[::-1].index(told[-1])
    assert whole[at - 3 : at] == told


def test_memory_that_is_given_up_for_a_guest_blocks_nothing(tmp_path: Path) -> None:
    shown: dict[str, Entry] = {REGIONS: DIRECT.replace(b"direct", b"direct-relaxable")}
    lines = explained(tmp_path, "group:5", x86_host({5: [NIC]}), FIRMWARE, shown)
    assert f"0x1000-0x1fff, direct-relaxable (given up for a guest) in {REGIONS}" in said(lines)


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
    assert expected in said(lines)


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
    assert f"which {words}" in said(lines)


FIXTURES = Path(__file__).parents[1] / "fixtures" / "sysfs"


@pytest.mark.parametrize(
    ("capture", "targets"),
    [
        ("6.12.117-amd64--vtd-ir-rmrr", ["group:3", "group:7", "group:17"]),
        ("7.3.4-arm64--its-noncoh-acpi", ["group:0", "group:1", "group:6"]),
        ("6.1-amd64--vtd-noir-unsafe", ["group:4"]),
        ("7.3.4-amd64--vtd-ir-virtiommu", ["0000:00:00.0"]),
        ("6.1-arm64--dt-part", ["0000:00:00.0"]),
        ("6.12-amd64--vtd-ir", ["group:1"]),
    ],
)
def test_the_status_does_not_depend_on_the_form(
    capture: str, targets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(FIXTURES / capture / "as-booted.tar.xz")
    for target in targets:
        asked = ["explain", "--root", root, target]
        assert main([*asked, "--output", "json"]) == main(asked), target
    capsys.readouterr()


def test_json_has_the_holders_that_the_text_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holders = (Holder(7, "qemu", None),)
    monkeypatch.setattr(
        host, "holding", lambda _, groups: [held_by(group, holders) for group in groups]
    )
    root = str(FIXTURES / "6.12-amd64--vtd-ir" / "bound.tar.xz")
    main(["explain", "--root", root, "--output", "json", "group:3"])
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert answer["group"]["attach_now"] == "no"
    assert [holder["pid"] for holder in answer["group"]["holders"]] == [7]
    assert "held" in answer["group"]["causes"]
