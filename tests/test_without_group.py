"""What every face says of functions that are in no IOMMU group, and of hosts that have no list."""

from __future__ import annotations

import json

import pytest

from tests.inference.test_late_group import NAME as LATE
from tests.inference.test_late_group import by_acpi
from tests.support.hosts import x86_host
from vfioguard import wording
from vfioguard.fact import Gap
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.html import OUTPUT as PAGE
from vfioguard.output.json import OUTPUT as JSON
from vfioguard.output.text import OUTPUT
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Entry, Memory
from vfioguard.verdict import Outcome

MODE = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
GROUPS = "/sys/kernel/iommu_groups"
NAME = "0000:02:00.0"


def report(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def text(host: dict[str, Entry]) -> str:
    return " ".join(OUTPUT.render(report(host), Style()).split())


def alone(host: dict[str, Entry], *numbers: int) -> dict[str, Entry]:
    """The host without these groups; their functions stay."""
    gone = tuple(f"{GROUPS}/{number}/" for number in numbers)
    names = {f"0000:{number + 1:02x}:00.0" for number in numbers}
    return {
        path: entry
        for path, entry in host.items()
        if not path.startswith(gone)
        and not (path.rpartition("/")[0].rpartition("/")[2] in names and "iommu_group" in path)
        and not (path.startswith("/sys/devices/virtual/iommu") and path.endswith(tuple(names)))
    }


def untranslated(mode: bytes | None = None, config: bytes = b"") -> dict[str, Entry]:
    """An x86 host without an IOMMU."""
    host = alone(x86_host(2, remapping=False), 0, 1)
    host = {path: entry for path, entry in host.items() if "iommu/" not in path}
    host |= {GROUPS: None, "/sys/class/iommu": None}
    path = next(path for path in host if path.startswith("/boot/config-"))
    content = host[path]
    assert isinstance(content, bytes)
    host[path] = content + config
    return host if mode is None else host | {MODE: mode}


def test_a_host_with_groups_names_the_functions_that_are_in_none() -> None:
    host = alone(x86_host(3), 1)
    assert [device.name for device in report(host).ungrouped] == [NAME]
    assert "2 allowed of 2 IOMMU groups" in text(host)
    assert f"in no IOMMU group (1): VFIO cannot bind it {NAME}" in text(host)
    assert NAME in PAGE.render(report(host), Style())


def test_many_functions_without_a_group_are_folded() -> None:
    shown = text(alone(x86_host(20), *range(16)))
    assert "in no IOMMU group (16): VFIO cannot bind it 0000:01:00.0" in shown
    assert "0000:09:00.0" not in shown
    assert "+8 more" in shown


def test_where_every_function_has_a_group_nothing_is_said() -> None:
    assert "in no IOMMU group" not in text(x86_host(2))


def test_a_function_says_by_itself_whether_it_can_be_bound() -> None:
    body = json.loads(JSON.render(report(by_acpi()), Style()))
    (device,) = body["ungrouped_devices"]
    assert device["name"] == LATE
    assert device["binds"] is True
    assert "when a driver binds" in device["reason"]
    (same,) = body["ungrouped"]
    assert same.items() >= device.items()
    assert (same["bus"], same["isolated"], same["because"]["truth"]) == ("pci", None, True)


@pytest.mark.parametrize("said", ["when a driver binds", "would be allowed"])
def test_every_face_says_that_a_group_is_yet_to_be_made(said: str) -> None:
    found = report(by_acpi())
    (device,) = found.ungrouped
    assert said in wording.ungrouped_line(found, device)
    assert wording.ungrouped_line(found, device).startswith(f"unknown {LATE} is in no IOMMU group")
    assert said in text(by_acpi())
    assert said in PAGE.render(found, Style())


def test_in_no_iommu_mode_a_function_without_a_group_can_be_bound() -> None:
    host = untranslated(b"Y\n")
    found = report(host)
    assert [device.binds for device in found.ungrouped] == [True, True]
    line = wording.ungrouped_line(found, found.ungrouped[0])
    assert line.startswith(f"{Outcome.UNKNOWN} 0000:01:00.0 is in no IOMMU group; no-IOMMU mode")
    assert "ENODEV" in line
    assert "VT-d" not in text(host)
    assert "no-IOMMU mode" in text(host)


@pytest.mark.parametrize(("mode", "binds"), [(b"Y\n", True), (b"N\n", False), (b"?\n", None)])
def test_the_mode_takes_what_binding_a_driver_puts_in_no_group(
    mode: bytes, *, binds: bool | None
) -> None:
    (device,) = report(by_acpi("7.3.4") | {MODE: mode}).ungrouped
    assert device.binds is binds
    assert device.because is not None


def test_a_group_that_is_yet_to_be_made_goes_before_the_mode() -> None:
    (device,) = report(by_acpi() | {MODE: b"Y\n"}).ungrouped
    assert "no-IOMMU" not in device.reason


def test_the_mode_is_a_finding() -> None:
    found = {finding.name: finding for finding in report(untranslated(b"Y\n")).findings}
    assert found["noiommu_mode"].severity == "warning"
    assert "enable_unsafe_noiommu_mode" in found["noiommu_mode"].summary
    assert not report(untranslated(b"N\n")).findings
    assert not report(untranslated()).findings


def test_iommufd_may_take_what_no_iommu_translates() -> None:
    host = untranslated(b"Y\n", b"CONFIG_IOMMUFD_NOIOMMU=y\n")
    assert "iommufd takes it" in report(host).ungrouped[0].reason
    assert "iommufd" not in report(untranslated(b"Y\n")).ungrouped[0].reason


@pytest.mark.parametrize(
    ("config", "binds"),
    [(b"CONFIG_VFIO_NOIOMMU=y\n", True), (b"", False)],  # the latter has "is not set"
)
def test_an_option_for_a_module_counts_where_the_kernel_has_the_mode(
    config: bytes, *, binds: bool
) -> None:
    host = untranslated(config=b"")
    path = next(path for path in host if path.startswith("/boot/config-"))
    content = host[path]
    assert isinstance(content, bytes)
    if config:
        host[path] = content.replace(b"# CONFIG_VFIO_NOIOMMU is not set\n", config)
    host["/proc/cmdline"] = b"vfio.enable_unsafe_noiommu_mode=1\n"
    assert report(host).ungrouped[0].binds is binds


@pytest.mark.parametrize(
    ("arch", "words", "never"),
    [
        (b"x86_64\n", ("VT-d",), ("SMMU",)),
        (b"aarch64\n", ("SMMU",), ("VT-d", "intel_iommu")),
        (b"loongarch64\n", ("LoongArch",), ("VT-d", "SMMU", "intel_iommu")),
        (b"ppc64le\n", ("no IOMMU is in use",), ("VT-d", "SMMU", "intel_iommu")),
    ],
)
def test_nobody_is_told_to_turn_on_what_the_machine_cannot_have(
    arch: bytes, words: tuple[str, ...], never: tuple[str, ...]
) -> None:
    tables: dict[str, Entry] = {"/sys/firmware/acpi/tables/FACP": b"FACP" + bytes(40)}
    shown = text(untranslated() | tables | {"/proc/sys/kernel/arch": arch})
    assert all(word in shown for word in words)
    assert not any(word in shown for word in never)


def without_list(host: dict[str, Entry]) -> dict[str, Entry]:
    return {path: entry for path, entry in host.items() if not path.startswith(GROUPS)}


def test_where_the_list_of_groups_is_not_recorded_their_links_name_them() -> None:
    found = report(without_list(x86_host(2)))
    assert [group.id for group in found.groups] == [0, 1]
    assert {group.outcome for group in found.groups} == {Outcome.ALLOWED}
    assert [group.type for group in found.groups] == [None, None]
    assert isinstance(found.groups_read, Gap)
    assert found.groups_read.source == GROUPS
    assert GROUPS in {gap.source for gap in found.gaps}
    assert "links alone" in text(without_list(x86_host(2)))


def test_what_else_is_in_a_group_is_then_known_by_the_iommu_alone() -> None:
    host = without_list(x86_host(2))
    host = {path: entry for path, entry in host.items() if "iommu/" not in path}
    assert {group.outcome for group in report(host).groups} == {Outcome.UNKNOWN}
    refused = without_list(x86_host(2, remapping=False))
    refused = {path: entry for path, entry in refused.items() if "iommu/" not in path}
    assert {group.outcome for group in report(refused).groups} == {Outcome.REFUSED}


def test_a_group_on_vfio_whose_name_is_not_recorded_may_be_a_no_iommu_group() -> None:
    host = without_list(x86_host(1))
    home = next(path for path in host if path.endswith("/uevent"))
    host[home] = b"DRIVER=vfio-pci\nPCI_CLASS=20000\nPCI_ID=8086:10D3\n"
    assert report(host).groups[0].outcome is Outcome.ALLOWED  # its IOMMU names it
    host = {path: entry for path, entry in host.items() if "iommu/" not in path}
    assert "no-IOMMU" in report(host).groups[0].headline.isolated.claim


def test_a_recording_with_neither_list_nor_links_knows_no_groups() -> None:
    host = without_list(alone(x86_host(2), 0, 1))
    found = report(host)
    assert not found.groups
    assert [device.binds for device in found.ungrouped] == [None, None]
    line = wording.ungrouped_line(found, found.ungrouped[0])
    assert "cannot bind" not in line
    assert "not recorded" in line
    assert "no IOMMU is in use" not in text(host)
    assert "not recorded" in text(host)
