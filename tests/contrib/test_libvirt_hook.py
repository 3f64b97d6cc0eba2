"""The libvirt hook as libvirt runs it: the real script, a guest's XML, what libvirt sees of it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, REFUSED, vfioguard
from tests.support.functions import Function
from tests.support.hosts import arm_host
from tests.support.trees import write

REPOSITORY = Path(__file__).parent.parent.parent
HOOK = REPOSITORY / "contrib" / "libvirt" / "qemu"

# What libvirt 9.0 hands to `prepare`, shortened in the middle.
DOMAIN = """\
<domain type='kvm' id='1'{namespaces}>
  <name>web1</name>
  <uuid>8660ead7-b1a3-4ee0-8743-3c2e429de35c</uuid>
  <memory unit='KiB'>65536</memory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <boot dev='hd'/>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <source file='/srv/web1.qcow2' index='1'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/>
    </disk>
    <controller type='pci' index='1' model='pcie-root-port'>
      <model name='pcie-root-port'/>
      <target chassis='1' port='0x8'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0' multifunction='on'/>
    </controller>
    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </memballoon>
{devices}
  </devices>
{more}
</domain>
"""
#: Of a device in the guest, which has the same form as that of the device on the host.
GUEST_ADDRESS = "<address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>"


def address(bdf: str, kind: str = "") -> str:
    domain, bus, rest = bdf.split(":")
    slot, function = rest.split(".")
    parts = f"domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
    return f"<address {kind}{parts}/>"


def hostdev(bdf: str, managed: str = "yes") -> str:
    return (
        f"<hostdev mode='subsystem' type='pci' managed='{managed}'><driver name='vfio'/>"
        f"<source>{address(bdf)}</source><alias name='hostdev0'/>{GUEST_ADDRESS}</hostdev>"
    )


def interface(bdf: str, managed: str = "yes") -> str:
    return (
        f"<interface type='hostdev' managed='{managed}'><mac address='52:54:00:9d:31:fa'/>"
        f"<driver name='vfio'/><source>{address(bdf, 'type=' + repr('pci') + ' ')}</source>"
        f"{GUEST_ADDRESS}</interface>"
    )


def nvme(bdf: str) -> str:
    return (
        "<disk type='nvme' device='disk'><driver name='qemu' type='raw'/>"
        f"<source type='pci' managed='yes' namespace='1' index='1'>{address(bdf)}</source>"
        f"<target dev='vdb' bus='virtio'/>{GUEST_ADDRESS}</disk>"
    )


def domain(*devices: str, more: str = "", namespaces: str = "") -> bytes:
    return DOMAIN.format(devices="\n".join(devices), more=more, namespaces=namespaces).encode()


class Hook:
    """The hook with a settings file that makes it judge a recorded host."""

    def __init__(self, directory: Path) -> None:
        self._settings = directory / "vfioguard-libvirt.toml"

    def set(self, root: str, *lines: str) -> None:
        command = [sys.executable, "-m", "vfioguard"]
        self._settings.write_text("\n".join((f"command = {command}", f"root = '{root}'", *lines)))

    def __call__(
        self, xml: bytes, operation: str = "prepare", name: str = "web1"
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(HOOK), name, operation, "begin", "-"],
            input=xml,
            capture_output=True,
            check=False,
            cwd=REPOSITORY,
            timeout=60,
            # libvirt's own environment, and where the settings are.
            env={
                "LC_ALL": "C",
                "PATH": os.environ["PATH"],
                "VFIOGUARD_LIBVIRT_SETTINGS": str(self._settings),
            },
        )
        return subprocess.CompletedProcess(
            result.args, result.returncode, result.stdout.decode(), result.stderr.decode("ascii")
        )


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def test_a_guest_whose_devices_are_allowed_starts(hook: Hook) -> None:
    hook.set(ALLOWED)
    result = hook(domain(hostdev("0000:00:0a.0"), interface("0000:00:0b.0")))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("device", [hostdev, interface, nvme])
def test_a_guest_whose_device_is_refused_does_not_start(hook: Hook, device: object) -> None:
    hook.set(REFUSED)
    assert callable(device)
    result = hook(domain(device("0000:00:0a.0")))
    assert (result.returncode, result.stdout) == (1, "")
    said = vfioguard("check", "--root", REFUSED, "0000:00:0a.0").stdout
    assert result.stderr == f"vfioguard: guest 'web1' may not start:\n{said}"


def test_the_error_says_the_cause_and_what_to_change_first(hook: Hook) -> None:
    hook.set(REFUSED)
    (line,) = hook(domain(hostdev("0000:00:0a.0"))).stderr.splitlines()[1:]
    assert "Interrupt remapping is off" in line
    assert "(EPERM from VFIO_SET_IOMMU); this is a virtual machine of QEMU" in line


class Asked:
    """Stands in for vfioguard: answers yes to all, and keeps how it was asked."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "asked"
        self.command = directory / "vfioguard"
        self.command.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {self._log}\n'
            'while [ "$1" != -- ]; do shift; done; shift\n'
            'for device; do echo "yes $device: it can be attached as it is"; done\n'
        )
        self.command.chmod(0o755)

    @property
    def questions(self) -> list[tuple[set[str], list[str]]]:
        """The options of each question, and the devices that it names."""
        lines = [line.split(" -- ") for line in self._log.read_text().splitlines()]
        return [(set(options.split()) & OPTIONS, names.split()) for options, names in lines]


OPTIONS = {"--now", "--backend", "iommufd", "--refuse-host-critical"}
CRITICAL = "--refuse-host-critical"


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    asked = Asked(tmp_path)
    settings = tmp_path / "vfioguard-libvirt.toml"
    settings.write_text(f"command = ['{asked.command}']\n")
    return asked


def test_managed_devices_are_asked_for_together_and_others_as_they_stand(
    hook: Hook, asked: Asked
) -> None:
    devices = (
        hostdev("0000:01:00.0"),
        hostdev("0000:02:00.0", "no"),
        interface("0000:01:00.1"),
        hostdev("0000:03:00.0").replace(" managed='yes'", ""),
        nvme("0000:04:00.0"),
    )
    assert hook(domain(*devices)).returncode == 0
    assert asked.questions == [
        ({CRITICAL}, ["0000:01:00.0", "0000:01:00.1", "0000:04:00.0"]),
        ({CRITICAL, "--now"}, ["0000:02:00.0", "0000:03:00.0"]),
    ]


IOMMUFD = {CRITICAL, "--backend", "iommufd"}


@pytest.mark.parametrize(
    ("more", "driver", "options"),
    [
        ("", "<driver name='vfio'/>", {CRITICAL}),
        ("", "<driver iommufd='no'/>", {CRITICAL}),
        ("", "<driver iommufd='yes'/>", IOMMUFD),
        ("", "<driver name='vfio' iommufd='yes'/>", IOMMUFD),
        ("<iommufd enabled='yes'/>", "<driver name='vfio'/>", IOMMUFD),
        ("<iommufd enabled='yes' fdgroup='iommu'/>", "", IOMMUFD),
        ("<iommufd enabled='yes'/>", "<driver iommufd='no'/>", {CRITICAL}),
        ("<iommufd enabled='no'/>", "<driver name='vfio'/>", {CRITICAL}),
        ("<iommufd enabled='no'/>", "<driver iommufd='yes'/>", IOMMUFD),
    ],
)
def test_a_device_that_qemu_attaches_through_iommufd_is_asked_for_so(
    hook: Hook, asked: Asked, more: str, driver: str, options: set[str]
) -> None:
    device = hostdev("0000:01:00.0").replace("<driver name='vfio'/>", driver)
    assert hook(domain(device, more=more)).returncode == 0
    assert asked.questions == [(options, ["0000:01:00.0"])]


def test_a_disk_is_never_attached_through_iommufd(hook: Hook, asked: Asked) -> None:
    guest = domain(nvme("0000:04:00.0"), more="<iommufd enabled='yes'/>")
    assert hook(guest).returncode == 0
    assert asked.questions == [({CRITICAL}, ["0000:04:00.0"])]


def test_a_device_that_the_host_needs_may_be_handed_over_by_a_setting(
    hook: Hook, asked: Asked, tmp_path: Path
) -> None:
    settings = tmp_path / "vfioguard-libvirt.toml"
    settings.write_text(settings.read_text() + "host-critical = 'start'\n")
    assert hook(domain(hostdev("0000:01:00.0"))).returncode == 0
    assert asked.questions == [(set(), ["0000:01:00.0"])]


def test_who_does_not_let_libvirt_bind_it_has_to_bind_it(hook: Hook) -> None:
    hook.set(ALLOWED)
    assert hook(domain(hostdev("0000:00:0a.0"))).returncode == 0
    result = hook(domain(hostdev("0000:00:0a.0", "no")))
    assert result.returncode == 1
    assert result.stderr.splitlines()[1].startswith("no 0000:00:0a.0 ")


def test_every_device_that_stands_in_the_way_is_named_and_no_other(hook: Hook) -> None:
    hook.set(MIXED)
    hook_says = hook(domain(hostdev("0000:01:00.0"), hostdev("0000:ff:00.0"))).stderr
    assert "0000:ff:00.0" in hook_says
    hook.set(REFUSED)
    found = hook(domain(hostdev("0000:00:0a.0"), interface("0000:00:0b.0"))).stderr.splitlines()
    assert [line.split()[1] for line in found[1:]] == ["0000:00:0a.0", "0000:00:0b.0"]


def test_a_device_that_is_named_twice_is_told_once(hook: Hook) -> None:
    hook.set(REFUSED)
    result = hook(domain(hostdev("0000:00:0a.0"), hostdev("0000:00:0a.0")))
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("setting", "status", "verdict"),
    [
        ("", 1, "may not start"),
        ("allowed-by-override = 'refuse'", 1, "may not start"),
        ("allowed-by-override = 'start'", 0, "starts all the same"),
        ("unknown = 'start'", 1, "may not start"),
    ],
)
def test_a_device_that_only_the_override_lets_through_is_refused_unless_told_otherwise(
    hook: Hook, setting: str, status: int, verdict: str
) -> None:
    hook.set(OVERRIDE, setting)
    result = hook(domain(hostdev("0000:01:00.0")))
    assert result.returncode == status
    assert result.stderr.startswith(f"vfioguard: guest 'web1' {verdict}:\nyes-by-override ")


@pytest.mark.parametrize(
    ("setting", "status"),
    [("", 1), ("unknown = 'start'", 0), ("allowed-by-override = 'start'", 1)],
)
def test_what_is_unknown_is_refused_unless_told_otherwise(
    hook: Hook, tmp_path: Path, setting: str, status: int
) -> None:
    host = arm_host({4: [Function("0000:01:00.0", None)]}, msis=False)
    hook.set(write(tmp_path / "host", host), setting)
    result = hook(domain(hostdev("0000:01:00.0")))
    assert result.returncode == status
    assert "\nunknown 0000:01:00.0 " in result.stderr


def test_no_setting_lets_a_refused_device_through(hook: Hook) -> None:
    hook.set(REFUSED, "unknown = 'start'", "allowed-by-override = 'start'")
    assert hook(domain(hostdev("0000:00:0a.0"))).returncode == 1


def test_a_host_without_iommu_refuses_and_says_so(hook: Hook) -> None:
    hook.set(NO_GROUPS)
    result = hook(domain(hostdev("0000:00:0a.0")))
    assert result.returncode == 1
    assert "no 0000:00:0a.0" in result.stderr
    assert "no IOMMU group" in result.stderr


@pytest.mark.parametrize(
    "device",
    [
        "",
        (
            "<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'><source>"
            "<address uuid='4b20d080-1b54-4048-85b3-a6a62d165c01'/></source></hostdev>"
        ),
        (
            "<hostdev mode='subsystem' type='usb' managed='no'><source><vendor id='0x1234'/>"
            "<product id='0xbeef'/><address bus='1' device='3'/></source></hostdev>"
        ),
        (
            "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/>"
            "<address bus='0' target='0' unit='0'/></source></hostdev>"
        ),
        (
            "<hostdev mode='subsystem' type='scsi_host' model='virtio'>"
            "<source protocol='vhost' wwpn='naa.50014057667280d8'/></hostdev>"
        ),
        "<hostdev mode='capabilities' type='misc'><source><char>/dev/x</char></source></hostdev>",
        "<interface type='network'><source network='default'/>" + GUEST_ADDRESS + "</interface>",
        (
            "<interface type='hostdev'><source><address type='usb' bus='1' device='3'/></source>"
            "</interface>"
        ),
    ],
    ids=["none", "mdev", "usb", "scsi", "vhost-scsi", "lxc", "network", "usb interface"],
)
def test_what_vfio_puts_to_no_test_needs_no_vfioguard(hook: Hook, device: str) -> None:
    hook.set("/nonexistent", "command = 'wrong, and never read'")
    result = hook(domain(device))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_interface_from_a_pool_is_judged_when_libvirt_knows_its_device(hook: Hook) -> None:
    hook.set(REFUSED)
    pooled = domain("<interface type='network'><source network='vfs'/></interface>")
    assert hook(pooled).returncode == 0
    assert hook(domain(interface("0000:00:0a.0")), "start").returncode == 1


def test_at_the_start_only_interfaces_are_judged_again(hook: Hook) -> None:
    hook.set(REFUSED)
    assert hook(domain(hostdev("0000:00:0a.0")), "start").returncode == 0


@pytest.mark.parametrize(
    "operation",
    ["started", "stopped", "release", "migrate", "restore", "reconnect", "attach"],
)
def test_any_other_operation_is_left_alone_and_printed_nothing(hook: Hook, operation: str) -> None:
    """libvirt kills the guest when `reconnect` fails, and takes what `migrate` prints."""
    hook.set(REFUSED)
    result = hook(domain(hostdev("0000:00:0a.0")), operation)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("<hostdev mode='subsystem' type='pci'/>", "a hostdev of type 'pci' has no PCI address"),
        ("<hostdev mode='subsystem' type='new'/>", "a hostdev is of a type that is not known"),
        ("<hostdev/>", "a hostdev is of a type that is not known"),
        ("<interface type='hostdev'/>", "has no PCI address"),
        (hostdev("0000:0a:0a.0").replace("0x0a", "10"), "a PCI address is not understood"),
        (hostdev("0000:0a:0a.0").replace(" domain='0x0000'", "", 1), "is not understood"),
        (hostdev("0000:0a:0a.0").replace("0x0a", "0x0a;reboot"), "is not understood"),
    ],
)
def test_a_device_that_is_not_understood_is_unknown(hook: Hook, device: str, why: str) -> None:
    hook.set(ALLOWED)
    result = hook(domain(device))
    assert result.returncode == 1
    assert result.stderr.splitlines()[1].startswith("unknown a ")
    assert why in result.stderr


def test_a_device_that_goes_past_libvirt_is_unknown(hook: Hook) -> None:
    hook.set(ALLOWED)
    more = (
        "<qemu:commandline><qemu:arg value='-device'/>"
        "<qemu:arg value='vfio-pci,host=0000:00:0a.0'/></qemu:commandline>"
    )
    namespace = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
    result = hook(domain(more=more, namespaces=namespace))
    assert result.returncode == 1
    assert "past libvirt" in result.stderr


NAMESPACE = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"


def past_libvirt(*arguments: str) -> bytes:
    found = "".join(f"<qemu:arg value={quoteattr(one)}/>" for one in arguments)
    return domain(more=f"<qemu:commandline>{found}</qemu:commandline>", namespaces=NAMESPACE)


def override(name: str, value: str) -> bytes:
    one = f"<qemu:property name={quoteattr(name)} type='string' value={quoteattr(value)}/>"
    more = (
        f"<qemu:override><qemu:device alias='hostdev0'><qemu:frontend>{one}</qemu:frontend>"
        "</qemu:device></qemu:override>"
    )
    return domain(more=more, namespaces=NAMESPACE)


@pytest.mark.parametrize(
    "xml",
    [
        past_libvirt("-device", r'{"driver":"vf\u0069o-pci","host":"0000:00:0a.0"}'),
        past_libvirt("-device", r'{"host":"0000:00:0a.0","driver":"\u0076\u0066\u0069\u006f-pci"}'),
        past_libvirt("-device", "{'driver':'vf\\u0069o-pci'}"),
        past_libvirt("-device", "{" * 100_000),
        past_libvirt("-readconfig", "/srv/guest.cfg"),
        past_libvirt("--readconfig", "/srv/guest.cfg"),
        past_libvirt("-set", "device.hostdev0.host=0000:00:0b.0"),
        past_libvirt("-set", "device.hostdev0.sysfsdev=/sys/bus/pci/devices/0000:00:0b.0"),
        override("host", "0000:00:0b.0"),
        override("driver", "x"),
        override("x", "vfio-pci"),
    ],
)
def test_whatever_may_name_a_device_to_qemu_is_unknown(hook: Hook, xml: bytes) -> None:
    hook.set(ALLOWED)
    result = hook(xml)
    assert result.returncode == 1
    assert "past libvirt" in result.stderr


@pytest.mark.parametrize(
    "xml",
    [
        past_libvirt("-set", "device.video0.vgamem_mb=64"),
        past_libvirt("-device", r'{"driver":"virtio-rng-pci","id":"\u0078"}'),
        past_libvirt("-cpu", "host,host=x", "-netdev", "user,id=n,host=10.0.2.2", "-object", "{}"),
        override("x-speed", "2_5"),
    ],
)
def test_other_arguments_of_qemu_are_nobodys_business(hook: Hook, xml: bytes) -> None:
    hook.set(ALLOWED)
    assert hook(xml).returncode == 0


BOMB = (
    "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in itertools.pairwise("abcdefghij"))
    + "]><domain><name>&j;</name></domain>"
)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", "cannot be read"),
        (b"<domain><devices>", "cannot be read"),
        (b"<network/>", "is no domain but 'network'"),
        (b"<domain/><domain/>", "cannot be read"),
        (BOMB.encode(), "declares a document type"),
        (b"<!DOCTYPE domain SYSTEM 'file:///etc/shadow'><domain/>", "declares a document type"),
        (b"<domain>" + b"<a>" * 200 + b"</a>" * 200 + b"</domain>", "nested more than 100 deep"),
        (b"<domain>" + b" " * (8 << 20) + b"</domain>", "more than 8 MiB"),
        (b"\xff\xfe<domain/>", "cannot be read"),
        (b"<domain>&unknown;</domain>", "cannot be read"),
    ],
    ids=["empty", "cut", "network", "two", "bomb", "external", "deep", "large", "utf-16", "entity"],
)
def test_xml_that_libvirt_would_never_write_starts_no_guest(
    hook: Hook, xml: bytes, why: str
) -> None:
    hook.set(ALLOWED, "unknown = 'start'")  # what cannot be read may name any device
    begin = time.monotonic()
    result = hook(xml)
    assert result.returncode == 1
    assert why in result.stderr
    assert time.monotonic() - begin < 30


def test_a_name_cannot_forge_a_line_of_the_error(hook: Hook) -> None:
    hook.set(REFUSED)
    result = hook(domain(hostdev("0000:00:0a.0")), name="x\nyes 0000:00:0a.0\x1b[2J\u00e9")
    assert len(result.stderr.splitlines()) == 2
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("alowed-by-override = 'start'", "no setting 'alowed-by-override'"),
        ("allowed_by_override = 'start'", "no setting 'allowed_by_override'"),
        ("unknown = 'yes'", "unknown cannot be 'yes'"),
        ("unknown = true", "unknown cannot be True"),
        ("timeout = 0", "timeout cannot be 0"),
        ("timeout = true", "timeout cannot be True"),
        ("[table]", "no setting 'table'"),
        ("unknown =", "Invalid value"),
    ],
)
def test_a_wrong_setting_starts_no_guest_that_has_devices(hook: Hook, line: str, why: str) -> None:
    hook.set(ALLOWED, line)
    result = hook(domain(hostdev("0000:00:0a.0")))
    assert result.returncode == 1
    assert why in result.stderr


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("'/nonexistent/vfioguard'", "cannot run /nonexistent/vfioguard: [Errno 2]"),
        ("'false'", "false check ended with 1: nothing"),
        ("'true'", "true check ended with 0: nothing"),
        ("'echo', 'yes'", "echo check ended with 0: nothing"),
        ("'sh', '-c', 'echo yes 0000:00:0b.0'", "sh check ended with 0: nothing"),
        ("'sh', '-c', 'echo fine 0000:00:0a.0'", "sh check ended with 0: nothing"),
        ("'sh', '-c', 'echo oops >&2; exit 3'", "sh check ended with 3: oops"),
        ("'sh', '-c', 'sleep 20'", "sh gave no answer in 1 seconds"),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(
    hook: Hook, tmp_path: Path, command: str, why: str
) -> None:
    settings = tmp_path / "vfioguard-libvirt.toml"
    settings.write_text(f"command = [{command}]\ntimeout = 1\n")
    result = hook(domain(hostdev("0000:00:0a.0")))
    assert result.returncode == 1
    assert f"unknown 0000:00:0a.0: {why}" in result.stderr


def test_a_person_who_runs_it_is_told_how(hook: Hook) -> None:
    result = subprocess.run([HOOK], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: ")


def test_the_hook_is_typed() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", HOOK]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
