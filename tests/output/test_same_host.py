"""Commands of vfioguard that a face prints answer about the host that the face is about."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.cli import main
from vfioguard.rerun import same_host

GROUPS: dict[int, list[str | Function]] = {3: ["0000:00:02.0"], 4: ["0000:00:03.0"]}
REFUSING = x86_host(GROUPS, remapping=False)
NAMED = "vfio 0000:00:02.0: error getting device from group 3: Operation not permitted"
ASSUMING = ["--what-if", "intremap=on", "--kernel", "6.1", "--backend", "type1"]


@pytest.fixture
def root(tmp_path: Path) -> str:
    return trees.write(tmp_path / "a root", REFUSING)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(list(arguments))
    return status, capsys.readouterr().out


def command_in(text: str, before: str) -> list[str]:
    """The arguments of the command that stands behind these words."""
    line = next(line for line in text.splitlines() if line.startswith(before))
    return shlex.split(line.partition(before)[2])


@pytest.mark.parametrize("options", [[], ASSUMING, ["--policy", "iommu_capable"]])
def test_the_proof_of_a_text_says_what_its_screen_says(
    capsys: pytest.CaptureFixture[str], root: str, options: list[str]
) -> None:
    _, text = printed(capsys, "explain", NAMED, "--root", root, *options)
    program, *arguments = command_in(text, "  proof: ")
    assert program == "vfioguard"
    assert arguments[2:] == ["--root", root, *sorted_as_told(options)]
    _, proof = printed(capsys, *arguments)
    said = " ".join(text.split()).rpartition("by its interrupts: ")[2].split()[0]
    assert any(line.startswith(f"group 3: {said} ") for line in proof.splitlines())


def sorted_as_told(options: list[str]) -> list[str]:
    pairs = list(zip(options[::2], options[1::2], strict=True))
    order = ["--policy", "--backend", "--what-if", "--kernel"]
    return [word for pair in sorted(pairs, key=lambda each: order.index(each[0])) for word in pair]


def test_the_why_of_a_report_says_what_the_report_says(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    _, text = printed(capsys, "report", "--root", root, "--what-if", "override=on")
    program, *arguments = command_in(text, "Why: ")
    _, why = printed(capsys, *arguments)
    assert program == "vfioguard"
    assert "group 3 is refused today, allowed-by-override then" in why


def test_a_step_that_is_a_command_names_the_host(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = trees.write(tmp_path / "root", x86_host(GROUPS, remapping=False, override=True))
    _, text = printed(capsys, "report", "--root", root, "--output", "nagios")
    _, text = printed(capsys, "report", "--root", root)
    told = " ".join(text.split())
    assert f"vfioguard report --what-if override=off --root {root}" in told


@pytest.mark.parametrize(
    ("text", "again", "told"),
    [
        ("vfioguard report", "", "vfioguard report"),
        ("sudo vfioguard firmware", " --root /h --kernel 6.1", "sudo vfioguard firmware --root /h"),
        (
            "vfioguard report names the groups, vfioguard explain group:3 ...",
            " --root /h",
            "vfioguard report --root /h names the groups, vfioguard explain group:3 --root /h ...",
        ),
        (
            "vfioguard report --what-if override=off",
            " --what-if override=on --what-if intremap=on",
            "vfioguard report --what-if override=off --what-if intremap=on",
        ),
        (
            "vfioguard check 0000:5d:05.5",
            " --root '/a b' --backend type1 --what-if intremap=on",
            "vfioguard check 0000:5d:05.5 --root '/a b' --backend type1",
        ),
        ("vfioguard capture host.tar.xz", " --root /h", "vfioguard capture host.tar.xz --root /h"),
        ("`vfioguard explain`", " --root /h", "`vfioguard explain --root /h`"),
        ("vfioguard explains errnos", " --root /h", "vfioguard explains errnos"),
    ],
)
def test_a_command_gets_the_options_that_it_takes(text: str, again: str, told: str) -> None:
    assert same_host(text, again) == told


def test_the_command_for_the_other_steps_names_a_target(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shared = [Function("0000:01:00.0", "IR-PCI-MSIX", "vfio-pci"),
              Function("0000:01:00.1", "IR-PCI-MSIX", "e1000e")]  # fmt: skip
    root = trees.write(tmp_path / "root", x86_host({7: shared}))
    _, text = printed(capsys, "report", "--root", root)
    told = " ".join(text.split())
    assert f"more (vfioguard explain group:7 --root {root})" in told
