"""`vfioguard explain` of a text: an errno, a message, a paste, standard input."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter

from tests.cli.test_cli import vfioguard
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from tests.symptom.test_symptoms import ROWS
from vfioguard.cli import main
from vfioguard.json_shapes.explain import Explained
from vfioguard.root.memory import Entry

NIC = Function("0000:00:14.0", "IR-PCI-MSIX")
REFUSING = x86_host({3: ["0000:00:02.0"], 4: ["0000:00:03.0"]}, remapping=False)
ALLOWING = x86_host({3: ["0000:00:02.0"], 4: ["0000:00:03.0"]})
LINE = "[  9.1] vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module ..."
GIVES_AWAY = "a guest can then raise any interrupt of the host, through any device"
KEPT: dict[str, Entry] = {
    "/sys/kernel/iommu_groups/5/reserved_regions": b"0x0000000000001000 0x0000000000001fff direct\n"
}


def asked(tmp_path: Path, target: str, host: dict[str, Entry]) -> tuple[int, str]:
    """The exit status and what is printed, with single blanks."""
    root = tmp_path / "root"
    if not root.exists():
        trees.write(root, host)
    with redirect_stdout(StringIO()) as printed:
        status = main(["explain", "--root", str(root), "--", target])
    screen = printed.getvalue()
    assert len(screen.splitlines()) <= 24
    return status, " ".join(screen.split())


def test_a_line_of_the_log_is_explained_with_the_groups_of_this_host(tmp_path: Path) -> None:
    status, text = asked(tmp_path, LINE, REFUSING)
    assert status == 2
    assert text.startswith("an attach was refused (EPERM)")
    assert "Refused for their interrupts: groups 3-4" in text


@pytest.mark.parametrize("name", ["-EPERM", "-eperm", "-1", "-EINVAL", "-22"])
def test_an_errno_with_a_minus_needs_no_dashes_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    root = trees.write(tmp_path / "root", REFUSING)
    assert main(["explain", name, "--root", str(root)]) == 2
    assert capsys.readouterr().out.startswith(("EPERM from VFIO", "EINVAL from VFIO"))


def test_other_words_with_a_minus_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-ENOERRNO", "group:3"]) == 3
    assert "unrecognized arguments: -ENOERRNO" in capsys.readouterr().err
    assert main(["check", "-EPERM", "group:3"]) == 3
    assert "unrecognized arguments: -EPERM" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["EPERM", "eperm", "-EPERM", " EPERM ", "errno=1", "Error(1)", "-1"]
)
def test_an_errno_is_explained_by_the_call_that_answers_it(tmp_path: Path, name: str) -> None:
    status, text = asked(tmp_path, name, REFUSING)
    assert status == 2
    assert text.startswith("EPERM from VFIO, kernel 6.12.0-amd64: - VFIO_SET_IOMMU or")
    assert "Refused for their interrupts: groups 3-4" in text
    assert "here: Interrupt remapping is off: " in text


def test_the_override_comes_last_with_what_it_gives_away(tmp_path: Path) -> None:
    for target in ("EPERM", LINE, "failed to set iommu for container: Operation not permitted"):
        _, text = asked(tmp_path, target, REFUSING)
        assert text.endswith(f"vfio_iommu_type1.allow_unsafe_interrupts=1; {GIVES_AWAY}")


def test_an_override_that_is_on_is_told_with_what_it_gives_away(tmp_path: Path) -> None:
    status, text = asked(
        tmp_path, LINE, x86_host({3: ["0000:00:02.0"]}, remapping=False, override=True)
    )
    assert status == 1
    assert text.endswith(f"vfio_iommu_type1.allow_unsafe_interrupts is on: {GIVES_AWAY}")


@pytest.mark.parametrize("line", [line for *_, line in ROWS], ids=lambda line: line[:40])
def test_a_host_that_refuses_nothing_is_not_offered_the_override(
    tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.write(tmp_path / "root", ALLOWING)
    main(["explain", "--root", str(tmp_path / "root"), "--", line])
    printed = capsys.readouterr()
    screen = printed.out + printed.err
    assert "allow_unsafe_interrupts=" not in screen.replace(line, "")
    lines = [row for row in screen.splitlines() if "proof: " not in row]
    assert len(lines) <= 24
    assert all(len(row) <= 80 for row in printed.out.splitlines() if "proof: " not in row)


def test_the_groups_that_firmware_keeps_memory_for_are_named(tmp_path: Path) -> None:
    host = {**x86_host({5: [NIC], 6: ["0000:00:02.0"]}), **KEPT}
    status, text = asked(tmp_path, "cannot add group to container, error 22", host)
    assert status == 0
    assert text.startswith("EINVAL from VFIO_GROUP_SET_CONTAINER")
    assert "in group 5 do: turn off" in text
    assert "no override helps or: a wrong container" in text


def test_what_this_host_excludes_is_one_line(tmp_path: Path) -> None:
    _, text = asked(tmp_path, "cannot add group to container, error 22", ALLOWING)
    assert text.endswith("not here: firmware memory")


def test_a_member_on_a_driver_of_the_host_is_named_with_its_command(tmp_path: Path) -> None:
    mixed = [
        Function("0000:00:14.0", "IR-PCI-MSIX", driver="vfio-pci"),
        Function("0000:00:14.1", "IR-PCI-MSIX", driver="igb"),
    ]
    free = [Function("0000:01:00.0", "IR-PCI-MSIX", driver="vfio-pci")]
    host = x86_host({5: mixed, 6: free})
    for target in ("vfio 0000:00:14.0: group 5 is not viable", "/dev/vfio/5: group is not viable"):
        _, text = asked(tmp_path, target, host)
        assert "here: on a driver of the host: 0000:00:14.1 igb in group 5" in text
        assert "driverctl set-override 0000:00:14.1 vfio-pci" in text
    _, text = asked(tmp_path, "group 6 is not viable", host)
    assert "no member of a group is on a driver of the host" in text


ERA = [
    ("5.10.0-8-amd64", "error getting device from group 3: Invalid argument", "not viable", True),
    ("6.12.0-amd64", "error getting device from group 3: Invalid argument", "not viable", False),
    ("6.1.0-9-amd64", "failed to set iommu for container: error -1", "firmware memory", True),
    ("6.12.0-amd64", "failed to set iommu for container: error -1", "firmware memory", False),
    ("5.10.0-8-amd64", "/dev/vfio/devices: bind iommufd: error -1", "not isolated", False),
    ("6.12.0-amd64", "/dev/vfio/devices: bind iommufd: error -1", "not isolated", True),
]


@pytest.mark.parametrize(("release", "message", "words", "told"), ERA)
def test_causes_are_those_of_this_kernel(
    tmp_path: Path, release: str, message: str, words: str, told: bool
) -> None:
    mixed = [
        Function("0000:00:14.0", "PCI-MSIX", driver="vfio-pci"),
        Function("0000:00:14.1", "PCI-MSIX", driver="igb"),
    ]
    _, text = asked(tmp_path, message, x86_host({3: mixed}, remapping=False, release=release))
    assert (words in text) is told


@pytest.mark.parametrize("target", ["ENAMETOOLONG", "usb 1-1: new device"])
def test_what_nobody_knows_is_one_line_and_a_status(tmp_path: Path, target: str) -> None:
    trees.write(tmp_path / "root", REFUSING)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), target)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("vfioguard: n")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "target", ["mount: wrong fs type, Invalid argument", "at 0:02:00:03.0 I/O error"]
)
def test_an_errno_of_somebody_else_is_not_vfios(tmp_path: Path, target: str) -> None:
    trees.write(tmp_path / "root", REFUSING)
    result = vfioguard("explain", "--root", str(tmp_path / "root"), target)
    assert (result.returncode, result.stdout) == (3, "")
    assert "is not VFIO's" in result.stderr


QEMU = "qemu: -device vfio-pci,host=00:02.0: vfio: Failed to set iommu: Operation not permitted"


def test_a_message_ends_with_the_answer_about_the_device_that_it_names(tmp_path: Path) -> None:
    status, text = asked(tmp_path, QEMU, REFUSING)
    assert status == 2
    assert "group 3 (0000:00:02.0): attach: no" in text
    assert "group 4 (" not in text


@pytest.mark.parametrize("name", ["group 4", "group: 4", "0000:00:03.0", "/dev/vfio/4:", "00:03.0"])
def test_only_what_the_message_names_decides_the_status(tmp_path: Path, name: str) -> None:
    odd = {3: ["0000:00:02.0"], 4: [Function("0000:00:03.0", "IR-PCI-MSIX")]}
    status, text = asked(tmp_path, f"vfio {name} is busy: Device or resource busy", x86_host(odd))
    assert status == 0
    assert "group 4 (0000:00:03.0): attach" in text


def test_a_device_of_another_host_is_said_to_be_none_here(tmp_path: Path) -> None:
    status, text = asked(tmp_path, "vfio 0000:41:00.0: set iommu: error -1", REFUSING)
    assert status == 2
    assert text.startswith("0000:41:00.0: no such device on this host")
    assert "not here:" not in text
    assert "allow_unsafe_interrupts" not in text


def test_a_line_of_x86_is_another_hosts_on_arm(tmp_path: Path) -> None:
    _, text = asked(tmp_path, "AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found", arm_host())
    assert text == "only x86 has this line, and this host is aarch64: another host wrote it"


HOSTS = [
    (b"", {}, "Enable the IOMMU in the firmware"),
    (b"amd_iommu=on", {"DMAR": b"DMAR"}, "Remove `amd_iommu=on`"),
    (b"", {"DMAR": b"DMAR"}, "Add `intel_iommu=on`"),
    (b"intel_iommu=off", {"DMAR": b"DMAR"}, "Remove `intel_iommu=off`"),
    (b"amd_iommu=off", {"IVRS": b"IVRS"}, "Remove `amd_iommu=off`"),
]


@pytest.mark.parametrize(("cmdline", "tables", "words"), HOSTS)
def test_a_host_without_groups_is_told_what_to_turn_on(
    tmp_path: Path, cmdline: bytes, tables: dict[str, bytes], words: str
) -> None:
    host = {path: entry for path, entry in x86_host(cmdline=cmdline).items() if "iommu" not in path}
    host |= {"/sys/kernel/iommu_groups": None, "/sys/firmware/acpi/tables/FACP": b"FACP"}
    host |= {f"/sys/firmware/acpi/tables/{name}": raw for name, raw in tables.items()}
    _, text = asked(tmp_path, "host doesn't support passthrough of host PCI devices", host)
    assert text.startswith("there is no IOMMU group for the device")
    assert f"do: {words.split(maxsplit=1)[0]}" in text
    assert words.rsplit(maxsplit=1)[-1] in text


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("nvgrace-gpu-vfio-pci", "/sys/bus/pci/drivers/nvgrace_gpu_vfio_pci"),
        ("vfio_pci", "/sys/bus/pci/drivers/vfio-pci"),
        ("mlx5_vfio_pci", "modprobe mlx5_vfio_pci"),
    ],
)
def test_a_driver_under_a_wrong_name_is_told_its_directory(
    tmp_path: Path, driver: str, words: str
) -> None:
    line = f"open /sys/bus/pci/drivers/{driver}/bind: no such file or directory"
    assert words in asked(tmp_path, line, ALLOWING)[1]


def test_the_proof_that_is_offered_is_of_the_same_host(tmp_path: Path) -> None:
    root = tmp_path / "an other root"
    trees.write(root, REFUSING)
    options = ["--root", str(root), "--policy", "iommu_capable"]
    printed = vfioguard("explain", *options, "vfio group 3: Invalid argument").stdout.splitlines()
    _, *proof = shlex.split(next(line for line in printed if "proof: " in line).split("proof: ")[1])
    again = vfioguard(*proof)
    assert again.returncode == 2
    assert again.stdout.startswith("group 3: refused (iommu_capable")


PASTE = f"""{LINE}
[  9.2] usb 1-1: new high-speed USB device
{QEMU}
TASK ERROR: start failed: QEMU exited with code 1
"""


def piped(tmp_path: Path, raw: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    trees.write(tmp_path / "root", REFUSING)
    command = [sys.executable, "-m", "vfioguard", "explain", "--root", str(tmp_path / "root")]
    return subprocess.run(
        [*command, *options, "-"], input=raw, capture_output=True, check=False, timeout=100
    )


@pytest.mark.parametrize("coded", ["utf-8", "utf-16"])
def test_a_paste_is_explained_line_by_line_on_one_screen(tmp_path: Path, coded: str) -> None:
    lines = piped(tmp_path, PASTE.encode(coded)).stdout.decode().splitlines()
    assert [line[:9] for line in lines if line.startswith("> ")] == ["> [ 9.1] ", "> qemu: -"]
    assert len(lines) <= 24
    assert lines[-1].endswith("through any device")


def test_every_line_of_a_long_log_is_read_and_the_rest_is_said(tmp_path: Path) -> None:
    everything = "\n".join(line for *_, line in ROWS)
    lines = piped(tmp_path, everything.encode()).stdout.decode().splitlines()
    assert len([line for line in lines if "proof: " not in line]) <= 24
    assert any("more of these lines: see --output json" in line for line in lines)


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, b"\xff\xfe", b"\n" * 1000])
def test_nothing_in_standard_input_is_nothing_known(tmp_path: Path, raw: bytes) -> None:
    result = piped(tmp_path, raw)
    assert (result.returncode, result.stdout) == (3, b"")
    assert len(result.stderr.splitlines()) == 1


def test_what_is_cut_of_a_long_input_is_said(tmp_path: Path) -> None:
    result = piped(tmp_path, f"{QEMU}\n".encode() + b"x" * (17 << 20))
    assert b"The text is long: only the first 16 MB are read." in result.stdout


def document(raw: bytes | str) -> Any:
    """The JSON, which has the shape that is published, and nothing else."""
    parsed = json.loads(raw)
    exact = ConfigDict(extra="forbid", strict=False)
    TypeAdapter(tuple[Explained], config=exact).validate_python((parsed,))
    return parsed


def test_json_has_every_line_that_is_understood(tmp_path: Path) -> None:
    result = piped(tmp_path, PASTE.encode(), "--output", "json")
    (answer,) = document(result.stdout)["answers"]
    assert (result.returncode, answer["outcome"]) == (2, "refused")
    first, second = answer["message"]["understood"]
    assert (first["errno"], first["call"], first["number"]) == ("EPERM", "VFIO_SET_IOMMU", 1)
    assert first["means"].startswith("an attach was refused")
    assert second["groups"] == [3]
    (possible,) = [p for p in second["possible_here"] if p["known"]]
    assert possible["groups"] == [3]
    assert second["override"].endswith(GIVES_AWAY)


def test_json_of_devices_groups_and_texts_is_one_object(tmp_path: Path) -> None:
    trees.write(tmp_path / "root", REFUSING)
    targets = ["group:3", "00:03.0", "EBUSY", "nobody knows"]
    result = vfioguard("explain", "--root", str(tmp_path / "root"), "--output", "json", *targets)
    group, device, errno, unknown = document(result.stdout)["answers"]
    assert (group["group"]["id"], device["group"]["id"]) == (3, 4)
    assert errno["message"]["understood"][0]["errno"] == "EBUSY"
    assert unknown["message"]["understood"] == []
    assert unknown["outcome"] == "unknown"
    assert result.returncode == 2


def test_a_module_that_the_kernel_was_built_without_is_not_to_be_loaded(tmp_path: Path) -> None:
    host = x86_host(1, override=None, release="6.1.67-talos")
    host["/boot/config-6.1.67-talos"] = b"# CONFIG_VFIO is not set\nCONFIG_PROC_FS=y\n"
    line = "modprobe: FATAL: Module vfio-pci not found in directory /lib/modules/6.1.67-talos"
    _, text = asked(tmp_path, line, host)
    assert "do: Boot a kernel that is built with VFIO" in text
