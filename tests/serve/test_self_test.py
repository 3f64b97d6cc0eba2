"""What a process says that it can and cannot read."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, vfioguard
from tests.support.commands import SERVE_VERB
from tests.support.functions import CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import x86_host
from vfioguard.kernel import iommu_groups
from vfioguard.kernel.firmware.acpi_tables import FILES, PATH
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.serve.host.self_test import Result, run

#: A host whose tables are there for root alone, as systemd's sandbox sees it.
DENIED: dict[str, Entry] = {f"{PATH}/{name}": Refused(errno.EACCES) for name in ("APIC", "DMAR")}


def tried(host: Mapping[str, Entry], **environment: str) -> Result:
    return run(Memory(host), "now", environment)


def line(found: Result, name: str) -> tuple[str, str]:
    (one,) = (one for one in found.lines if one.name == name)
    return one.can, one.detail


def test_the_first_words_are_whether_there_can_be_verdicts() -> None:
    found = tried(x86_host(3))
    assert found.possible
    assert found.summary == "verdicts can be made: 3 allowed of 3 IOMMU groups"


def test_groups_that_nobody_can_attach_are_not_counted() -> None:
    header = CONFIG_WITHOUT_MSI[:0x0E] + b"\x01" + CONFIG_WITHOUT_MSI[0x0F:]
    bridge = Function("0000:00:1c.0", driver=None, pci_class=0x060400, config=header)
    found = tried(x86_host({1: [bridge], 2: [Function("0000:41:00.0", "IR-PCI-MSI")]}))
    assert found.summary == "verdicts can be made: 1 allowed of 1 IOMMU groups"
    alone = tried(x86_host({1: [bridge]}))
    assert alone.summary.endswith("of no IOMMU group: no VFIO driver takes a member of any")
    assert alone.possible


def test_without_the_list_of_groups_there_is_no_verdict() -> None:
    found = tried({iommu_groups.PATH: Refused(errno.EACCES), "/sys/kernel": None})
    assert not found.possible
    assert found.summary == f"no verdict can be made: {iommu_groups.PATH}: Permission denied"
    assert line(found, "IOMMU groups")[0] == "no"


def test_a_host_without_groups_is_no_failure_and_one_without_sysfs_is() -> None:
    assert tried({"/sys/kernel": None, "/sys/bus": None}).possible
    assert not tried({"/sys": None}).possible


@pytest.mark.parametrize("host", [{}, DENIED], ids=["absent", "denied"])
def test_no_table_makes_verdicts_impossible(host: dict[str, Entry]) -> None:
    assert tried(x86_host(3) | host).possible


def test_a_table_is_there_or_not_or_cannot_be_read() -> None:
    found = tried(x86_host(1) | DENIED | {f"{PATH}/MCFG": b"MCFG table"})
    assert line(found, "table MCFG") == ("yes", f"{PATH}/MCFG, 10 bytes")
    assert line(found, "table IVRS")[0] == "none"
    can, detail = line(found, "table DMAR")
    assert can == "no"
    assert detail.startswith(f"{PATH}/DMAR: Permission denied; not known: whether the firmware ")
    assert {f"table {name}" for name in FILES} <= {one.name for one in found.lines}


def test_what_is_missing_is_said_with_what_is_not_known_then() -> None:
    can, detail = line(tried(x86_host(1)), "kernel log")
    assert (can, detail.partition("; not known: ")[0]) == (
        "no",
        "/dev/kmsg: No such file or directory",
    )


def test_of_several_files_one_is_enough() -> None:
    host = x86_host(1)
    assert line(tried(host), "kernel symbols") == ("yes", "/proc/kallsyms")
    host["/proc/kallsyms"] = Refused(errno.EPERM)
    assert line(tried(host), "kernel symbols")[1].startswith("/proc/kallsyms: Operation not")


def test_the_directory_for_the_state_is_tried(tmp_path: Path) -> None:
    host = x86_host(1)
    assert line(tried(host), "state directory")[0] == "none"
    assert line(tried(host, STATE_DIRECTORY=str(tmp_path)), "state directory")[0] == "yes"
    assert line(tried(host, STATE_DIRECTORY=f"{tmp_path}/x"), "state directory")[0] == "no"


def test_it_is_run_by_an_option_of_serve_and_serves_nothing(tmp_path: Path) -> None:
    result = vfioguard(*SERVE_VERB, "--self-test", "--root", ALLOWED)
    assert (result.returncode, result.stderr) == (0, "")
    first, *lines = result.stdout.splitlines()
    assert first == "verdicts can be made: 17 allowed of 17 IOMMU groups"
    assert all(one[:4] in {"yes ", "no  ", "none"} for one in lines)
    (tmp_path / "sys").mkdir()
    assert vfioguard(*SERVE_VERB, "--self-test", "--root", str(tmp_path)).returncode == 3
