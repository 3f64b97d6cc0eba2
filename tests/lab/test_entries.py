"""An entry that has no meaning is one line, which names it, before anything is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab import entries, table
from lab.archive import Archive
from lab.say import Failed

REPOSITORY = Path(__file__).parents[2]
RIGHT: dict[str, Any] = {"arch": "amd64", "kernels": ["6.12"], "note": "a note"}


def test_a_cell_needs_only_three_settings() -> None:
    assert table._cell("x", RIGHT).kernels == ("6.12",)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"arch": "amd64", "kernels": []}, "it has no note"),
        ({**RIGHT, "arch": "sparc64"}, "arch cannot be 'sparc64', but amd64, arm64"),
        ({**RIGHT, "kernels": "6.12"}, "kernels is to be a list"),
        ({**RIGHT, "kernels": [6.12]}, "kernels is to be a list of texts"),
        ({**RIGHT, "memory": "lots"}, "memory is to be a number"),
        ({**RIGHT, "iommu": 1}, "iommu is to be true or false"),
        ({**RIGHT, "firmware": "apci"}, "firmware cannot be 'apci', but acpi, dt"),
        ({**RIGHT, "modules": "kvm"}, "modules cannot be 'kvm', but iommufd"),
        ({**RIGHT, "expect": "yes"}, "expect cannot be 'yes', but allowed, refused"),
        ({**RIGHT, "acpi": ["dmar"]}, "acpi cannot be 'dmar', but dmar_with_rmrr"),
        ({**RIGHT, "dt": [["wipe", "/"]]}, "no edit of a device tree is called wipe"),
        ({**RIGHT, "dt": [["flag", "/"]]}, "flag: missing a required argument: 'name'"),
        ({**RIGHT, "dt": ["flag"]}, "flag: missing a required argument: 'path'"),
        ({**RIGHT, "guest": {"VSF": "1"}}, "the guest's init knows no VSF"),
        ({**RIGHT, "guest": {"VFS": 1}}, "VFS is to be a text without an apostrophe"),
        ({**RIGHT, "topology": "vast"}, "no topology is called vast"),
        ({**RIGHT, "walk": "nowhere"}, "no walk is called nowhere"),
    ],
)
def test_a_setting_without_a_meaning_is_named(row: dict[str, Any], fault: str) -> None:
    with pytest.raises(Failed) as failed:
        table._cell("x", row)
    assert str(failed.value).startswith(f"cell x: {fault}")


def test_cells_that_are_like_each_other_are_told() -> None:
    rows = {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "a"}}
    with pytest.raises(Failed, match=r"^cell c is like a, which is like c$"):
        table._whole(rows, "a")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[vtd", "mine.toml: Expected ']'"),
        ("[a]\n[a]\n", "mine.toml: Cannot declare ('a',) twice"),
        ("note = 'x'\n", "mine.toml: note is no cell"),
        ("[vtd-ir]\nlike = 'vtd-noir'\n", "mine.toml: a cell vtd-ir is in another file, too"),
    ],
)
def test_a_file_of_cells_that_has_a_mistake_is_named(tmp_path: Path, text: str, fault: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    with pytest.raises(Failed) as failed:
        entries.together([f"{REPOSITORY}/lab/cells/x86.toml", str(mine)])
    assert str(failed.value).startswith(fault)


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("rescan", "walk w is to be a list of texts"),
        (["explode it"], "walk w, explode it: no action is called explode"),
        (["rescan ;"], "walk w, rescan ;: an action is missing"),
        (["virtual 8086:10c9"], "walk w, virtual 8086:10c9: virtual: missing a required argument"),
        (["plug igb,bus=a"], "walk w, plug igb,bus=a: what is plugged in needs an id"),
        (["plug igb,id=a", "plug igb,id=a"], "walk w, plug igb,id=a: a is plugged in already"),
        (["unplug a"], "walk w, unplug a: nothing that is called a was plugged in"),
        (["plug igb,id=a", "unplug a ; unplug a"], "walk w, unplug a ; unplug a: nothing that"),
    ],
)
def test_a_step_without_a_meaning_is_named(steps: object, fault: str) -> None:
    with pytest.raises(Failed) as failed:
        entries.check_walk("w", steps)
    assert str(failed.value).startswith(fault)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("vtd-ir", "vtd-ir names a cell without a kernel: newest-amd64--vtd-ir has both"),
        ("*-sparc64--*", "no run of the whole set is like *-sparc64--*"),
        ("../x-amd64--vtd-ir", "../x-amd64 names no kernel"),
        ("-amd64--vtd-ir", "-amd64 names no kernel"),
    ],
)
def test_a_name_that_is_nearly_one_is_told_what_it_lacks(name: str, fault: str) -> None:
    with pytest.raises(Failed) as failed:
        table.runs([name])
    assert str(failed.value).startswith(fault)


def lab(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    command = f"{before} {sys.executable} -m lab {' '.join(words)}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=REPOSITORY, capture_output=True, text=True,
        check=False, env={**os.environ, "LAB_MIRROR": "http://127.0.0.1:9/debian"},
    )  # fmt: skip


@pytest.mark.parametrize("folder", ["/dev/null", "/dev/null/x"])
def test_a_folder_that_cannot_be_made_is_one_line(folder: str) -> None:
    done = lab("--folder", folder, "run", "6.12-amd64--none")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("lab: [Errno ")
    assert folder in done.stdout


@pytest.mark.parametrize("verb", ["list", "run 6.12-amd64--no-such"])
def test_a_reader_may_stop_reading(verb: str) -> None:
    assert lab(verb, "| true").stderr == ""


def test_a_limit_that_is_no_number_is_one_line() -> None:
    done = lab("run", before="LAB_LIMIT=long")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "lab: LAB_LIMIT is to be a number of seconds, not 'long'\n"


def test_two_labs_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with Archive(str(tmp_path)).held():
        done = lab("--folder", str(tmp_path), "run", "6.12-amd64--none")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"lab: another lab is in {tmp_path}: LAB=FOLDER names another\n"
    with Archive(str(tmp_path)).held():
        assert os.listdir(tmp_path) == ["lock"]
