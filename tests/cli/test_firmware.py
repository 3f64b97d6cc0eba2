"""`vfioguard firmware`: the sentence that matters first, and never "no table" for a hidden one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acpi.own import OWN
from tests.cli.test_cli import vfioguard
from tests.support import arm_firmware as arm
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from tests.support.packed_tables import (
    dmar,
    drhd,
    io_apic_scope,
    ivhd,
    ivmd,
    ivrs,
    madt,
    rmrr,
    special,
)
from vfioguard.root.memory import Entry

TABLES = "/sys/firmware/acpi/tables"
BASE = 0xFED90000
INTEL = {f"{TABLES}/DMAR": dmar(drhd(BASE, io_apic_scope(2), flags=1)), f"{TABLES}/APIC": madt(2)}
AMD = {f"{TABLES}/IVRS": ivrs(ivhd(special(33, 0xA0))), f"{TABLES}/APIC": madt(33, 5)}


def root(tmp_path: Path, *parts: dict[str, Any]) -> str:
    entries: dict[str, Entry] = {}
    for part in parts:
        entries |= part
    trees.write(tmp_path / "root", entries)
    return str(tmp_path / "root")


def files(tmp_path: Path, *tables: bytes) -> list[str]:
    arguments: list[str] = []
    for number, raw in enumerate(tables):
        path = tmp_path / f"table{number}"
        path.write_bytes(raw)
        arguments += ["--table", str(path)]
    return arguments


def told(*arguments: str, status: int = 0) -> dict[str, Any]:
    result = vfioguard("firmware", "--output", "json", *arguments)
    assert (result.returncode, result.stderr) == (status, "")
    return json.loads(result.stdout)


def states(body: dict[str, Any]) -> dict[str, str]:
    return {table["signature"]: table["state"] for table in body["tables"]}


USB = Function("0000:00:14.0", "IR-PCI-MSIX", pci_class=0x0C0330)
KEPT = rmrr(0x1000, 0x1FFF, (1, 0, 0, ((0x14, 0),)), (1, 0, 0, ((0x1D, 0),)))
REGIONS = b"0x0000000000001000 0x0000000000001fff direct-relaxable\n"


def keeping(tmp_path: Path) -> str:
    """A host whose firmware keeps memory for its USB controller, and for one that is not there."""
    dmar_ = {f"{TABLES}/DMAR": dmar(drhd(BASE, io_apic_scope(2), flags=1), KEPT)}
    shown = {"/sys/kernel/iommu_groups/5/reserved_regions": REGIONS}
    return root(tmp_path, x86_host({5: [USB]}), INTEL, dmar_, shown)


def test_the_sentence_that_matters_comes_first(tmp_path: Path) -> None:
    host = root(tmp_path, x86_host(), INTEL)
    result = vfioguard("firmware", "--root", host)
    assert (result.returncode, result.stderr) == (0, "")
    assert " ".join(result.stdout.split("\n\n")[0].split()) == (
        "DMAR allows interrupt remapping; 1 of 1 units support it; every IO-APIC is covered"
    )


def test_the_io_apic_that_is_left_out_is_named(tmp_path: Path) -> None:
    host = root(tmp_path, x86_host(vendor="amd"), AMD)
    first = vfioguard("firmware", "--root", host).stdout.splitlines()[0]
    assert first == "IVRS leaves out IO-APIC 5: interrupt remapping is impossible"
    assert told("--root", host)["interrupt_remapping"]["missing_io_apics"] == [5]


def test_an_arm_is_told_what_its_madt_and_iort_offer(tmp_path: Path) -> None:
    found = {f"{TABLES}/APIC": OWN["madt-arm"], f"{TABLES}/IORT": OWN["iort-all"]}
    host = root(tmp_path, {**arm_host(), TABLES: None}, found)
    body = told("--root", host)
    assert body["sentence"].startswith("MADT has 1 ITS, 1 GICv2m frame")
    assert body["interrupt_remapping"] is None


def test_hidden_tables_are_not_absent_ones(tmp_path: Path) -> None:
    body = told("--root", root(tmp_path, x86_host(), {TABLES: None}), status=3)
    assert set(states(body).values()) == {"hidden"}
    assert body["interrupt_remapping"]["possible"] is None


def test_a_table_that_the_host_does_not_have_is_absent(tmp_path: Path) -> None:
    body = told("--root", root(tmp_path, x86_host(), INTEL))
    assert states(body) == {
        "DMAR": "present", "IVRS": "absent", "APIC": "present", "IORT": "absent",
        "VIOT": "absent", "MCFG": "absent", "RIMT": "absent",
    }  # fmt: skip


def test_a_broken_table_is_shown_up_to_its_break_and_not_believed(tmp_path: Path) -> None:
    broken = {f"{TABLES}/DMAR": dmar(drhd(BASE), flags=0)[:-1]}
    host = root(tmp_path, x86_host(), INTEL, broken)
    body = told("--root", host)
    assert states(body)["DMAR"] == "malformed"
    assert body["tables"][0]["broken"]["offset"] > 0
    assert body["tables"][0]["table"]["flags"] == 0
    assert body["interrupt_remapping"]["possible"] is None
    assert "makes no sense from here on" in vfioguard("firmware", "--root", host).stdout


def test_memory_is_listed_with_its_devices(tmp_path: Path) -> None:
    intel = dmar(drhd(BASE), rmrr(0x8C800000, 0x8CFFFFFF, (1, 0, 0, ((2, 0),))))
    amd = ivrs(ivhd(special(2, 0xA0)), ivmd(0x88, 0x1000, 0x2000))
    arguments = files(tmp_path, intel, amd, OWN["iort-all"])
    text = vfioguard("firmware", *arguments).stdout
    assert "memory 0x8c800000-0x8cffffff (RMRR): 00:02.0" in text
    assert "memory 0x1000-0x2fff (IVMD): 00:11.0, exclusion" in text
    assert "memory 0x80000000-0x8000ffff (RMR): id 0x200 of SMMUv3 at 0x9050000" in text


def test_tables_from_elsewhere_may_be_the_text_of_acpidump(tmp_path: Path) -> None:
    text = ""
    for name, raw in (("DMAR", INTEL[f"{TABLES}/DMAR"]), ("APIC", madt(2, 7))):
        text += f"{name} @ 0x00000000BFEE0000\n"
        for at in range(0, len(raw), 16):
            text += f"    {at:04X}: {raw[at : at + 16].hex(' ').upper()}\n"
        text += "\n"
    body = told(*files(tmp_path, text.encode()))
    assert body["sentence"] == "DMAR leaves out IO-APIC 7: interrupt remapping is impossible"


def test_tables_from_elsewhere_may_come_in_several_files(tmp_path: Path) -> None:
    body = told(*files(tmp_path, *INTEL.values()))
    assert body["interrupt_remapping"]["possible"] is True


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_table_that_we_know_can_be_shown(tmp_path: Path, name: str) -> None:
    arguments = files(tmp_path, OWN[name])
    assert states(told(*arguments)).popitem()[1] == "present"
    result = vfioguard("firmware", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) < 24


@pytest.mark.parametrize("raw", [b"", b"DMAR", b"not a table at all" * 9, bytes(64)])
def test_what_is_no_table_is_a_status_and_no_traceback(tmp_path: Path, raw: bytes) -> None:
    result = vfioguard("firmware", *files(tmp_path, raw))
    assert (result.returncode, result.stderr) == (3, "")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = vfioguard("firmware", "--table", str(tmp_path / "none"))
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "No such file" in result.stderr


def test_a_root_and_tables_from_elsewhere_contradict(tmp_path: Path) -> None:
    result = vfioguard("firmware", "--root", str(tmp_path), "--table", "x")
    assert result.returncode == 3
    assert "--table is instead of --root" in result.stderr


def test_the_report_says_which_tables_there_are_and_decodes_none(tmp_path: Path) -> None:
    host = root(tmp_path, x86_host(), INTEL)
    shown = json.loads(vfioguard("report", "--root", host, "--output", "json").stdout)
    assert shown["firmware"] == {
        "dmar": "present", "ivrs": "absent", "madt": "present", "iort": "absent",
        "viot": "absent", "mcfg": "absent", "rimt": "absent",
    }  # fmt: skip


def test_a_host_whose_msis_are_remapped_needs_no_parser(tmp_path: Path) -> None:
    host = keeping(tmp_path)
    code = f"import sys; from vfioguard.cli import main; main(['report', '--root', {host!r}]); "
    code += "print(*[name for name in sys.modules if name.startswith('vfioguard.acpi')])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("given", ["option", "environment"])
def test_a_table_that_was_handed_over_is_named_by_its_file(tmp_path: Path, given: str) -> None:
    directory = str(tmp_path / "credentials")
    trees.write(directory, {f"/{path.rpartition('/')[2]}": raw for path, raw in INTEL.items()})
    if given == "option":
        result = vfioguard("firmware", "--output", "json", "--acpi-tables", directory)
    else:
        result = vfioguard("firmware", "--output", "json", CREDENTIALS_DIRECTORY=directory)
    found = {table["signature"]: table for table in json.loads(result.stdout)["tables"]}
    assert (found["DMAR"]["state"], found["DMAR"]["path"]) == ("present", f"{directory}/DMAR")


def test_the_credentials_of_this_host_are_not_those_of_another(tmp_path: Path) -> None:
    host = root(tmp_path, x86_host(1), INTEL)
    trees.write(tmp_path / "credentials", {"/DMAR": dmar(drhd(BASE, flags=1))})
    credentials = str(tmp_path / "credentials")
    result = vfioguard("firmware", "--root", host, CREDENTIALS_DIRECTORY=credentials)
    assert result.stdout == vfioguard("firmware", "--root", host).stdout


def test_a_directory_of_tables_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = vfioguard("report", "--acpi-tables", f"{tmp_path}/none")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == f"vfioguard: {tmp_path}/none: no directory of ACPI tables\n"


def test_the_memory_of_a_host_is_listed_with_the_devices_that_are_here(tmp_path: Path) -> None:
    text = vfioguard("firmware", "--root", keeping(tmp_path)).stdout
    assert " ".join(text.split()).count(
        "memory 0x1000-0x1fff (RMRR): 0000:00:14.0 (group 5, relaxable); "
        "0000:00:1d.0: no such device here"
    ) == 1  # fmt: skip


def test_the_memory_of_a_host_is_data_too(tmp_path: Path) -> None:
    memory = told("--root", keeping(tmp_path))["memory"]
    assert memory["gaps"] == []
    (region,) = memory["regions"]
    assert region["devices"] == [
        {"device": "0000:00:14.0", "group": 5, "relaxable": True, "shown": True}
    ]
    assert region["unresolved"] == ["0000:00:1d.0: no such device here"]
    assert (region["kind"], region["start"], region["end"]) == ("RMRR", 0x1000, 0x1FFF)
    assert region["path"] == f"{TABLES}/DMAR"


def test_tables_from_elsewhere_have_no_devices_here(tmp_path: Path) -> None:
    assert told(*files(tmp_path, *INTEL.values()))["memory"] is None


@pytest.mark.parametrize("signature", ["VIOT", "MCFG", "RIMT"])
def test_the_other_tables_of_a_host_are_decoded_too(tmp_path: Path, signature: str) -> None:
    raw = next(raw for raw in OWN.values() if raw[:4] == signature.encode())
    body = told("--root", root(tmp_path, x86_host(), INTEL, {f"{TABLES}/{signature}": raw}))
    assert states(body)[signature] == "present"
    assert "header" in next(t for t in body["tables"] if t["signature"] == signature)["table"]


def test_a_table_that_a_capture_lists_without_its_content_was_not_read(tmp_path: Path) -> None:
    body = told("--root", root(tmp_path, x86_host(), INTEL, {f"{TABLES}/MCFG": b""}))
    assert states(body)["MCFG"] == "failed"


def test_what_is_behind_virtios_iommus_and_which_segments_there_are_is_told(tmp_path: Path) -> None:
    host = str(Path(__file__).parents[1] / "fixtures/sysfs/6.12-amd64--viot/as-booted.tar.xz")
    text = vfioguard("firmware", "--root", host).stdout
    assert "0000:00:00.0 to 0000:03:1f.7: behind virtio-iommu 0000:00:0e.0" in text
    assert "segment 0, buses 00-ff at 0x" in text
    both = vfioguard("firmware", *files(tmp_path, OWN["viot-all"], OWN["mcfg-two"])).stdout
    assert both.count("behind virtio-iommu") >= 1
    assert both.count("segment ") >= 2


def test_references_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    nowhere = [arm.mapping(at, 1, 0, 0x4242) for at in range(6)]
    given = files(tmp_path, arm.iort(arm.its_group(0), arm.root_complex(0, *nowhere)))
    (table,) = told(*given)["tables"]
    assert table["state"] == "present"
    assert [one["reference"] for one in table["lost_references"]] == [0x4242] * 6
    text = vfioguard("firmware", *given).stdout
    assert "IORT  6 references lead nowhere: 0x" in text
    assert "and 2 more (--output json has all)" in " ".join(text.split())
