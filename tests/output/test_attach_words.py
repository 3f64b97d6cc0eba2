"""A group's attach has the same answer on its own screen and below a text that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.cli import main

SYSFS = Path(__file__).parents[1] / "fixtures" / "sysfs"
FUNCTIONS = SYSFS / "7.3-amd64--vtd-ir/bound.tar.xz"
KEPT_MEMORY = SYSFS / "6.12.117-amd64--vtd-ir-rmrr/bound.tar.xz"
KEEPS = (
    "vfio 0000:01:00.0: failed to setup container for group 13: "
    "Failed to set group container: Invalid argument"
)


def explained(capsys: pytest.CaptureFixture[str], target: str, root: object) -> tuple[int, str]:
    status = main(["explain", target, "--root", str(root)])
    return status, " ".join(capsys.readouterr().out.split())


def test_a_text_says_after_which_change_its_group_can_be_attached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, text = explained(capsys, "group 14: Operation not permitted", FUNCTIONS)
    _, own = explained(capsys, "group:14", FUNCTIONS)
    assert (
        "attach: yes, after a change: 0000:02:00.0 has virtual functions (EBUSY from bind); "
        "by its interrupts: allowed"
    ) in text
    assert "attach: yes, after the change below" in own


def test_a_text_says_what_holds_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    told = "attach: yes; as it stands: no (EPERM from VFIO_GROUP_SET_CONTAINER)"
    for target in ("group 17: Operation not permitted", "group:17"):
        assert told in explained(capsys, target, FUNCTIONS)[1]


def test_what_has_to_be_bound_first_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    card = [Function("0000:01:00.0", "IR-PCI-MSI", "nvidia"),
            Function("0000:01:00.1", "IR-PCI-MSI", "snd_hda_intel")]  # fmt: skip
    root = trees.write(tmp_path / "root", x86_host({1: card}))
    status, text = explained(capsys, "0000:01:00.0", root)
    assert status == 0
    assert "attach: yes bind first: 0000:01:00.0, 0000:01:00.1 " in text
    _, text = explained(capsys, "group 1: Operation not permitted", root)
    assert "attach: yes, once bound to VFIO; by its interrupts: allowed" in text


def test_nothing_is_to_be_bound_if_it_is_or_if_it_helps_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bound = trees.write(
        tmp_path / "bound", x86_host({1: [Function("0000:01:00.0", "IR-PCI-MSI", "vfio-pci")]})
    )
    refused = trees.write(
        tmp_path / "refused",
        x86_host({1: [Function("0000:01:00.0", "PCI-MSI", "e1000e")]}, remapping=False),
    )
    for root in (bound, refused):
        assert "bind first" not in explained(capsys, "group:1", root)[1]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (KEEPS, 2),  # its memory refuses it, whatever its interrupts
        ("group 12: Invalid argument", 0),
        ("group 12 and group 13: Invalid argument", 2),
        ("EPERM", 0),  # it names nothing: the interrupts of all groups
    ],
)
def test_the_status_of_a_text_is_that_of_what_it_names(
    capsys: pytest.CaptureFixture[str], target: str, status: int
) -> None:
    assert explained(capsys, target, KEPT_MEMORY)[0] == status
    assert main(["explain", target, "--root", str(KEPT_MEMORY), "--json"]) == status
