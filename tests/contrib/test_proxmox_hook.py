"""The Proxmox hookscript as Proxmox runs it: the real script, a guest's configuration, its log.

There is no Proxmox here. The files have the forms that PVE::QemuServer and PVE::SectionConfig
write.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, REFUSED, vfioguard
from tests.contrib.test_libvirt_hook import CRITICAL, Asked
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from tests.support.trees import write

REPOSITORY = Path(__file__).parent.parent.parent
HOOK = REPOSITORY / "contrib" / "proxmox" / "vfioguard"
NODE = os.uname().nodename.partition(".")[0]

GUEST = """\
#the guest's description%3A hostpci9%3A 0000%3A0a
agent: 1
boot: order=scsi0;net0
cores: 4
hookscript: local:snippets/vfioguard
{options}
machine: q35
memory: 16384
net0: virtio=BC:24:11:2E:C5:31,bridge=vmbr0,firewall=1
scsi0: local-lvm:vm-100-disk-0,iothread=1,size=32G

[PENDING]
hostpci7: 0000:ff:07.0

[before]
#a snapshot
hostpci8: 0000:ff:08.0
snaptime: 1712000000
"""
MAPPINGS = """\
gpu
\tdescription two of them
\tmap id=10de:2204,iommugroup=14,node=elsewhere,path=0000:ee:00.0,subsystem-id=10de:1467
\tmap id=10de:2204,iommugroup=15,node={node},path=0000:01:00,subsystem-id=10de:1467
\tmap id=10de:2204,iommugroup=16,node={node},path=0000:02:00.0;0000:02:00.1

nic
\tmap id=8086:10d3,iommugroup=1,node=elsewhere,path=0000:01:00.0
\tmdev 0
"""
#: Two functions of one group, one of another, and one without a group.
ENTRIES = x86_host({
    1: [Function("0000:01:00.0"), Function("0000:01:00.1")],
    2: [Function("0000:02:00.0")],
    3: [Function("0000:02:00.1")],
    4: [Function("0000:03:00.0")],
})  # fmt: skip


class Hook:
    """The hook, with a cluster file system and settings in a directory."""

    def __init__(self, directory: Path) -> None:
        self.configuration = directory / "pve"
        self._settings = directory / "vfioguard-proxmox.toml"
        self._guests = self.configuration / "qemu-server"
        self._guests.mkdir(parents=True)
        (self.configuration / "mapping").mkdir()
        (self.configuration / "mapping" / "pci.cfg").write_text(MAPPINGS.format(node=NODE))

    def set(self, root: str, *lines: str, command: str = "") -> None:
        words = [command] if command else [sys.executable, "-m", "vfioguard"]
        known = (
            f"command = {words}",
            f"root = '{root}'",
            f"configuration = '{self.configuration}'",
        )
        self._settings.write_text("\n".join((*known, *lines)))

    def __call__(
        self, *options: str, phase: str = "pre-start", vmid: str = "100", origin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        text = GUEST.format(options="\n".join(options))
        node = self.configuration / "nodes" / origin / "qemu-server" if origin else self._guests
        node.mkdir(parents=True, exist_ok=True)
        (node / "100.conf").write_text(text)
        return subprocess.run(
            [str(HOOK), vmid, phase],
            capture_output=True,
            text=True,
            encoding="ascii",
            check=False,
            cwd=REPOSITORY,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "PVE_MIGRATED_FROM": origin,
                "VFIOGUARD_PROXMOX_SETTINGS": str(self._settings),
            },
        )


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


@pytest.fixture
def asked(hook: Hook, tmp_path: Path) -> Asked:
    asked = Asked(tmp_path)
    hook.set(str(write(tmp_path / "host", ENTRIES)), command=str(asked.command))
    return asked


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A recorded host, as the tree that it is on a running one."""
    directory = tmp_path / "recorded"
    with tarfile.open(request.param) as archive:
        archive.extractall(directory, filter="tar")
    return str(directory)


#: A bridge of the recorded host MIXED.
BRIDGE = "0000:00:11.0"
recorded = pytest.mark.parametrize("host", [REFUSED], indirect=True)


@pytest.mark.parametrize("host", [ALLOWED], indirect=True)
def test_a_guest_whose_devices_can_be_attached_starts(hook: Hook, host: str) -> None:
    hook.set(host)
    result = hook("hostpci0: 0000:01:00,pcie=1", "hostpci1: 00:0a.0")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@recorded
def test_a_refused_device_keeps_its_guest_from_starting_and_the_log_says_why(
    hook: Hook, host: str
) -> None:
    hook.set(host)
    result = hook("hostpci0: 0000:00:0a.0,pcie=1")
    group = Path(host, "sys/bus/pci/devices/0000:00:0a.0/iommu_group").readlink().name
    said = vfioguard("check", "--root", host, f"group:{group}").stdout
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"vfioguard: guest '100' may not start:\nhostpci0 0000:00:0a.0: {said}"
    )
    assert "Interrupt remapping is off" in said


@pytest.mark.parametrize("host", [MIXED], indirect=True)
def test_only_the_device_that_stands_in_the_way_is_named(hook: Hook, host: str) -> None:
    hook.set(host)
    result = hook("hostpci0: 0000:01:00.0", f"hostpci3: {BRIDGE}")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()[1:]
    assert line.startswith(f"hostpci3 {BRIDGE}: no group:")
    assert "bridge" in line


def test_the_groups_of_all_devices_are_asked_for_together(hook: Hook, asked: Asked) -> None:
    options = ("hostpci0: 0000:01:00.1;0000:03:00.0,pcie=1,x-vga=1", "hostpci15: host=02:00.0")
    assert hook(*options).returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:1", "group:4", "group:2"])]


@pytest.mark.parametrize("value", ["0000:02:00", "02:00,rombar=0", "host=0000:02:00,pcie=1"])
def test_an_address_without_a_function_means_all_of_them(
    hook: Hook, asked: Asked, value: str
) -> None:
    assert hook(f"hostpci0: {value}").returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:2", "group:3"])]


def test_a_mapping_names_the_devices_of_this_node_and_no_other(hook: Hook, asked: Asked) -> None:
    assert hook("hostpci0: mapping=gpu,pcie=1").returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:1", "group:2", "group:3"])]


def test_a_guest_that_comes_from_another_node_is_read_there(hook: Hook, asked: Asked) -> None:
    assert hook("hostpci0: mapping=gpu", origin="elsewhere").returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:1", "group:2", "group:3"])]


def test_a_device_without_a_group_is_asked_for_by_its_name(hook: Hook, asked: Asked) -> None:
    assert hook("hostpci0: 0000:05:00.0").returncode == 0
    assert asked.questions == [({CRITICAL}, ["0000:05:00.0"])]


def test_a_device_that_the_host_needs_may_be_handed_over_by_a_setting(
    hook: Hook, asked: Asked, tmp_path: Path
) -> None:
    hook.set(str(tmp_path / "host"), "host-critical = 'start'", command=str(asked.command))
    assert hook("hostpci0: 0000:01:00.0").returncode == 0
    assert asked.questions == [(set(), ["group:1"])]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("hostpci0: 0000:01:00.0,mdev=i915-GVTg_V5_4",),
        ("usb0: host=046d:c52b",),
        ("hostpci16: 0000:01:00.0",),
        ("args: -cpu host,kvm=off -smbios type=1",),
    ],
)
def test_a_guest_without_a_device_of_vfio_starts_and_nothing_is_asked(
    hook: Hook, options: tuple[str, ...]
) -> None:
    hook.set("/nonexistent", command="/nonexistent")
    result = hook(*options)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("option", ["0000:01:00.1;0000:02:00.0", "mapping=gpu"])
def test_a_virtual_gpu_that_is_a_function_itself_is_judged(
    hook: Hook, asked: Asked, tmp_path: Path, option: str
) -> None:
    (tmp_path / "host/sys/bus/pci/devices/0000:02:00.0/nvidia").mkdir()
    assert hook(f"hostpci0: {option},mdev=nvidia-556").returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:2"])]


@pytest.mark.parametrize("line", ["name: a\x0c[b", "name: a\r[bc]", "[no section", "[]", "\x85[b]"])
def test_only_a_section_ends_the_guest_as_it_is_now(hook: Hook, asked: Asked, line: str) -> None:
    assert hook(line, "hostpci0: 0000:01:00.0").returncode == 0
    assert asked.questions == [({CRITICAL}, ["group:1"])]


@pytest.mark.parametrize("phase", ["post-start", "pre-stop", "post-stop", "another"])
def test_only_the_start_is_judged(hook: Hook, phase: str) -> None:
    hook.set("/nonexistent", command="/nonexistent")
    assert hook("hostpci0: 0000:01:00.0", phase=phase).returncode == 0


def test_a_container_starts(hook: Hook) -> None:
    hook.set("/nonexistent", command="/nonexistent")
    (hook.configuration / "lxc").mkdir()
    (hook.configuration / "lxc" / "101.conf").write_text("arch: amd64\n")
    assert hook(vmid="101").returncode == 0


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("hostpci0: 0000:0g:00.0", "a PCI address is not understood: '0000:0g:00.0'"),
        ("hostpci0: 01:00.0;../..", "a PCI address is not understood: '../..'"),
        ("hostpci0: 0000:01", "a PCI address is not understood: '0000:01'"),
        ("hostpci0: 0000:77:00", "there is no function of 0000:77:00"),
        ("hostpci0: pcie=1", "it has to name either a device or a mapping"),
        ("hostpci0: 01:00.0,mapping=gpu", "it has to name either a device or a mapping"),
        ("hostpci0: mapping=nic", f"the mapping 'nic' has no device on the node '{NODE}'"),
        ("hostpci0: mapping=none", f"the mapping 'none' has no device on the node '{NODE}'"),
        ("args: -device vfio-pci,host=01:00.0", "hands QEMU 'vfio-pci,host=01:00.0' past"),
        ("args: -readconfig /srv/x 'y", "hands QEMU '-readconfig' past Proxmox"),
        ("hostpci0: \x1b[2J01:00.0", r"a PCI address is not understood: '\\x1b[2J01:00.0'"),
    ],
)
def test_what_is_not_understood_is_refused_unless_told_otherwise(
    hook: Hook, asked: Asked, tmp_path: Path, option: str, why: str
) -> None:
    refused = hook(option)
    assert refused.returncode == 1
    assert why in refused.stderr
    hook.set(str(tmp_path / "host"), "unknown = 'start'", command=str(asked.command))
    started = hook(option)
    assert started.returncode == 0
    assert started.stderr == refused.stderr.replace("may not start", "starts all the same")


@pytest.mark.parametrize(
    ("setting", "status", "verdict"),
    [("", 1, "may not start"), ("allowed-by-override = 'start'", 0, "starts all the same")],
)
@pytest.mark.parametrize("host", [OVERRIDE], indirect=True)
def test_a_device_that_only_the_override_lets_through_is_refused_unless_told_otherwise(
    hook: Hook, host: str, setting: str, status: int, verdict: str
) -> None:
    hook.set(host, setting)
    result = hook("hostpci0: 0000:01:00.0")
    assert result.returncode == status
    first, second = result.stderr.splitlines()
    assert first == f"vfioguard: guest '100' {verdict}:"
    assert second.startswith("hostpci0 0000:01:00.0: yes-by-override group:")


@pytest.mark.parametrize(("setting", "status"), [("", 1), ("unknown = 'start'", 0)])
def test_what_is_unknown_is_refused_unless_told_otherwise(
    hook: Hook, tmp_path: Path, setting: str, status: int
) -> None:
    entries = arm_host({4: [Function("0000:01:00.0", None)]}, msis=False)
    hook.set(str(write(tmp_path / "host", entries)), setting)
    result = hook("hostpci0: 01:00.0")
    assert result.returncode == status
    assert "\nhostpci0 0000:01:00.0: unknown group:4: " in result.stderr


@recorded
def test_no_setting_lets_a_refused_device_through(hook: Hook, host: str) -> None:
    hook.set(host, "unknown = 'start'", "allowed-by-override = 'start'")
    assert hook("hostpci0: 0000:00:0a.0").returncode == 1


@pytest.mark.parametrize("host", [NO_GROUPS], indirect=True)
def test_a_host_without_an_iommu_refuses(hook: Hook, host: str) -> None:
    hook.set(host)
    result = hook("hostpci0: 0000:00:0a.0")
    assert result.returncode == 1
    assert "hostpci0 0000:00:0a.0: no 0000:00:0a.0: " in result.stderr


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/nonexistent", "cannot run /nonexistent: "),
        ("/bin/true", "/bin/true check ended with 0: nothing"),
        ("/bin/false", "/bin/false check ended with 1: nothing"),
    ],
)
def test_no_answer_is_refused_unless_told_otherwise(
    hook: Hook, tmp_path: Path, command: str, why: str
) -> None:
    root = str(write(tmp_path / "host", ENTRIES))
    hook.set(root, command=command)
    result = hook("hostpci0: 01:00.0")
    assert result.returncode == 1
    assert f"unknown hostpci0 0000:01:00.0: {why}" in result.stderr
    hook.set(root, "unknown = 'start'", command=command)
    assert hook("hostpci0: 01:00.0").returncode == 0


def test_a_command_that_hangs_is_not_waited_for(hook: Hook, tmp_path: Path) -> None:
    command = tmp_path / "hangs"
    command.write_text("#!/bin/sh\nexec sleep 60\n")
    command.chmod(0o755)
    hook.set(str(write(tmp_path / "host", ENTRIES)), "timeout = 1", command=str(command))
    result = hook("hostpci0: 01:00.0")
    assert result.returncode == 1
    assert "gave no answer in 1 seconds" in result.stderr


@pytest.mark.parametrize("line", ["unkown = 'start'", "unknown = 'allow'", "timeout = 0", "x"])
def test_a_wrong_setting_is_refused(hook: Hook, line: str) -> None:
    hook.set("/", line)
    result = hook("hostpci0: 01:00.0")
    assert result.returncode == 1
    assert "vfioguard-proxmox.toml: " in result.stderr


def test_a_guest_whose_configuration_cannot_be_read_is_refused(hook: Hook) -> None:
    hook.set("/")
    result = hook(vmid="102")
    assert result.returncode == 1
    assert "102.conf: No such file or directory" in result.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("100",), ("100", "pre-start", "x"), ("../1", "pre-start")]
)
def test_another_usage_is_an_error(arguments: tuple[str, ...]) -> None:
    result = subprocess.run([str(HOOK), *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "usage: vfioguard VMID PHASE\n")


def test_both_hooks_ask_and_speak_alike() -> None:
    """Each is one file that is copied alone, so what they share stands in both."""
    shared = ("CannotJudge", "Finding", "may_name_a_device", "_decoded", "read_settings", "check")

    def parts(path: Path) -> dict[str, str]:
        named = {
            node.name: ast.unparse(node)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }
        return {name: named[name] for name in (*shared, "_tell")}

    assert parts(HOOK) == parts(REPOSITORY / "contrib" / "libvirt" / "qemu")
