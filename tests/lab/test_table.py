"""Every cell means something, and a name finds what it names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab import acpi, devicetree, kernels, machine, table, tools
from lab.say import Failed

CELLS = sorted(table.cells())


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_one_that_the_lab_can_boot(name: str) -> None:
    cell = table.cells()[name]
    assert cell.note
    assert cell.arch in machine.MACHINES
    assert cell.arch in tools.TARGETS
    assert cell.firmware in ("acpi", "dt")
    assert set(cell.acpi) <= acpi.EDITS.keys()
    assert not cell.acpi or cell.arch == "amd64" or cell.firmware == "acpi"
    assert {edit[0] for edit in cell.dt} <= devicetree.EDITS.keys()
    assert not cell.dt or (cell.arch, cell.firmware) == ("arm64", "dt")


@pytest.mark.parametrize("name", CELLS)
def test_the_guest_of_a_cell_has_one_way_out(name: str) -> None:
    cell = table.cells()[name]
    devices = [*machine.MACHINES[cell.arch].way_out, *cell.devices_of_all]
    assert sum("chardev=lab" in device for device in devices) == 1


@pytest.mark.parametrize("name", CELLS)
def test_a_setting_of_the_guest_is_one_that_its_init_reads(name: str) -> None:
    with open(f"{tools.SOURCES}/init") as file:
        init = file.read()
    for key, _ in table.cells()[name].guest:
        assert re.search(rf"\$\{{?{key}\b|export .*\b{key}\b", init), key


def test_every_applet_that_init_calls_is_in_the_guest() -> None:
    from lab import run

    with open(f"{tools.SOURCES}/init") as file:
        init = file.read()
    for applet in ("mount", "cut", "grep", "gzip", "tar", "dmesg", "poweroff", "sleep"):
        assert applet in init
        assert applet in run._APPLETS


def test_the_quick_cells_are_of_four_architectures() -> None:
    assert len({run.cell.arch for run in table.runs(list(table.QUICK))}) == 4


def test_all_architectures_are_in_the_whole_set() -> None:
    assert {run.cell.arch for run in table.whole_set()} == set(machine.MACHINES)


def test_a_pattern_finds_its_runs_and_each_once() -> None:
    names = [run.name for run in table.runs(["*--vtd-noir", "6.12-amd64--vtd-noir"])]
    assert "6.12-amd64--vtd-noir" in names
    assert len(names) == len(set(names)) > 1


def test_a_kernel_that_the_table_does_not_know_boots_a_cell() -> None:
    (run,) = table.runs(["7.9-amd64--vtd-ir"])
    assert (run.kernel, run.cell.name) == ("7.9-amd64", "vtd-ir")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("6.12-amd64--no-such", "no cell is called"),
        ("6.12-arm64--vtd-ir", "is one of amd64"),
        ("6.12--vtd-ir", "names no kernel"),
    ],
)
def test_a_name_that_means_nothing_is_told(name: str, fault: str) -> None:
    with pytest.raises(Failed, match=fault):
        table.runs([name])


def test_a_setting_that_does_not_exist_is_told() -> None:
    with pytest.raises(Failed, match="no setting is called cmdlien"):
        table._cell("x", {"arch": "amd64", "kernels": [], "note": "", "cmdlien": "a"})


class Names:
    """An archive that has these packages."""

    folder = "/nowhere"

    def __init__(self, *names: str) -> None:
        self._names = set(names)

    def names(self, prefix: str) -> set[str]:
        return {name for name in self._names if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("name", "releases"),
    [
        ("6.1-amd64", ["6.1.0-50-amd64", "6.1.0-9-amd64"]),
        ("6.12-amd64", ["6.12.117+deb13-amd64", "6.12.99+deb13-amd64"]),
        ("6.12.99-amd64", ["6.12.99+deb13-amd64"]),
        ("6.12-arm64", ["6.12.117+deb13-arm64"]),
        ("6.12-arm64-16k", ["6.12.117+deb13-arm64-16k"]),
        ("6.12-ppc64el", ["6.12.107+deb13-powerpc64le"]),
        ("newest-amd64", ["6.12.117+deb13-amd64", "6.12.99+deb13-amd64", "6.1.0-50-amd64",
                          "6.1.0-9-amd64"]),
        ("7.4-amd64", []),
    ],
)  # fmt: skip
def test_a_kernel_is_found_by_the_beginning_of_its_version(name: str, releases: list[str]) -> None:
    archive = Names(
        "linux-image-6.1.0-50-amd64", "linux-image-6.1.0-9-amd64",
        "linux-image-6.1.0-50-rt-amd64", "linux-image-6.12.99+deb13-amd64",
        "linux-image-6.12.117+deb13-amd64", "linux-image-6.12.117+deb13-amd64-dbg",
        "linux-image-6.12.117+deb13-cloud-amd64", "linux-image-6.12.117+deb13-arm64",
        "linux-image-6.12.117+deb13-arm64-16k", "linux-image-6.12.107+deb13-powerpc64le",
    )  # fmt: skip
    assert kernels._releases(archive, name) == releases  # type: ignore[arg-type]


def test_a_kernel_that_the_archive_lacks_is_one_line() -> None:
    with pytest.raises(Failed, match=r"^9\.9-amd64: the archive has no such kernel$"):
        kernels.get(Names(), "9.9-amd64")  # type: ignore[arg-type]


def test_modules_load_after_what_they_need() -> None:
    needs = {"vfio_pci": ["vfio_pci_core"], "vfio_pci_core": ["vfio", "irqbypass"], "vfio": []}
    kernel = kernels.Kernel("", "", "", "", {**needs, "irqbypass": []})
    assert kernel.in_order(["vfio_pci", "vfio", "not_there"]) == [
        "vfio", "irqbypass", "vfio_pci_core", "vfio_pci",
    ]  # fmt: skip


class Broken(Names):
    """An archive whose indexes list one kernel, and of which apt says why it cannot be fetched."""

    def __init__(self, folder: str, said: str) -> None:
        super().__init__("linux-image-6.12.99+deb13-amd64")
        self.folder, self.said = folder, said

    def is_newer_than_index(self, path: str) -> bool:
        return os.path.exists(path)

    def fetch(self, *_: object, **__: object) -> list[str]:
        raise Failed(self.said)


def test_a_kernel_is_gone_if_the_mirror_says_so_and_is_asked_for_once(tmp_path: Path) -> None:
    archive = Broken(str(tmp_path), "the archive: Failed to fetch http://x/y.deb  404  Not Found")
    with pytest.raises(Failed, match="404"):
        kernels.get(archive, "6.12-amd64")  # type: ignore[arg-type]
    with pytest.raises(Failed, match=r"^6\.12-amd64: the archive no longer has it$"):
        kernels.get(archive, "6.12-amd64")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said", ["Could not connect to x:80", "write (28: No space left on device)"]
)
def test_a_kernel_that_cannot_be_fetched_now_is_not_gone(tmp_path: Path, said: str) -> None:
    for _ in range(2):
        with pytest.raises(Failed, match=re.escape(said)):
            kernels.get(Broken(str(tmp_path), said), "6.12-amd64")  # type: ignore[arg-type]


def test_the_newest_kernel_of_a_major_version_is_looked_for_where_the_newest_are() -> None:
    releases = {suite.release for suite in kernels.suites_of("6-amd64")}
    assert releases == {"sid", "trixie-backports"}
