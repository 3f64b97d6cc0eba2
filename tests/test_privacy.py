"""A capture is sent to strangers: it holds what the readers ask for, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.hosts import arm_host, x86_host
from vfioguard.cli import main
from vfioguard.reading.take import take
from vfioguard.root import Root, capture
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.recording import Recording
from vfioguard.root.tree import Tree

#: What stands beside the facts on a real host -> the path, and how it stands there.
SECRETS: dict[bytes, tuple[str, bytes]] = {
    b"2f9cb9f5-disk": ("/proc/cmdline", b"root=UUID=%s quiet"),
    b"luks-passphrase": ("/proc/cmdline", b"rd.luks.key=%s intremap=on"),
    b"quoted-password": ("/proc/cmdline", b'foo="x intremap=off %s"'),
    b"init-password": ("/proc/cmdline", b"-- intremap=%s"),
    b"serial-of-a-usb-stick": ("/dev/kmsg", b"6,1,2,-;usb 1-1: SerialNumber: %s\n"),
    b"wlan-network": ("/dev/kmsg", b"12,1,2,-;DMAR-IR: wpa_supplicant: %s\n"),
    b"continued-line": ("/dev/kmsg", b"6,1,2,-;DMAR: x\n SUBSYSTEM=%s\n"),
    b"dmesg-line": ("/CAPTURE/dmesg", b"[    1.000000] EXT4-fs (%s): mounted\n"),
    b"modprobe-password": (
        "/etc/modprobe.d/a.conf",
        b"options vfio-pci ids=8086:10d3\noptions nfs key=%s\n",
    ),
    b"modprobe-comment": ("/etc/modprobe.d/b.conf", b"# options vfio %s\n"),
    b"modprobe-remark": (
        "/etc/modprobe.d/d.conf",
        b"options vfio_iommu_type1 allow_unsafe_interrupts=0 # as %s wants it\n",
    ),
    b"second-modprobe-word": ("/etc/modprobe.d/c.conf", b"install vfio /bin/echo %s\n"),
    b"secret-interface": (
        "/proc/interrupts",
        b"      CPU0\n 64:  1  IR-PCI-MSI 1-edge %s\n  1:  9  IR-IO-APIC 1-edge i8042\n",
    ),
    b"cpu-serial": ("/proc/cpuinfo", b"CPU implementer\t: 0x41\nSerial\t: %s\n"),
    b"local-version": ("/boot/config-6.12.0-amd64", b'CONFIG_LOCALVERSION="%s"\nCONFIG_VFIO=m\n'),
    b"own_symbol": ("/proc/kallsyms", b"0 T iommu_group_get\n0 t %s\n"),
    b"vital-product-data": ("/sys/devices/pci0000:01/0000:01:00.0/vpd", b"%s"),
    b"table-of-entries": (
        "/sys/kernel/debug/iommu/intel/ir_translation_struct",
        b"Remapped Interrupt supported on IOMMU: dmar0\n IR table address:1\n\n %s\n",
    ),
    b"property-of-the-board": ("/sys/firmware/devicetree/base/serial-number", b"%s\0"),
}


def hosts() -> Iterator[tuple[str, dict[str, Entry]]]:
    planted: dict[str, Entry] = {}
    for secret, (path, form) in SECRETS.items():
        before = planted.get(path, b"")
        assert isinstance(before, bytes)
        planted[path] = before + form % secret
        if path == "/proc/cmdline":
            planted[path] = before + b" " + form % secret
    x86 = x86_host(2, override=None) | planted
    del x86["/proc/sys/kernel/arch"]
    del x86["/sys/kernel/irq/0/chip_name"]  # so that the log is asked
    del x86["/sys/kernel/irq/1/chip_name"]
    yield "x86", x86
    yield "arm", arm_host(2, override=None, release="6.12.0-amd64") | planted


HOSTS = dict(hosts())


def packed(root: Root) -> bytes:
    recording = Recording(root)
    take(recording)
    return capture.pack(recording.entries)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", HOSTS)
def test_a_capture_does_not_hold_what_no_policy_asks_for(name: str, secret: bytes) -> None:
    host = HOSTS[name]
    assert any(isinstance(entry, bytes) and secret in entry for entry in host.values())
    assert secret not in packed(Memory(host))


@pytest.mark.parametrize("name", HOSTS)
def test_a_directory_is_kept_no_wider_than_a_capture(name: str, tmp_path: Path) -> None:
    whole = packed(Tree(trees.write(tmp_path, HOSTS[name])))
    assert [secret for secret in SECRETS if secret in whole] == []


def test_what_a_policy_asks_for_is_kept() -> None:
    whole = packed(Memory(HOSTS["x86"]))
    for wanted in (b"intremap=on", b"allow_unsafe_interrupts=0", b"DMAR: x", b"CONFIG_VFIO=m"):
        assert wanted in whole


SITE: dict[str, Entry] = {
    "/etc/default/grub": b'GRUB_CMDLINE_LINUX="cryptdevice=UUID=grub-secret intremap=off"\n',
    "/etc/default/grub.d/50.cfg": b"export TOKEN=grub-d-secret\n",
    "/etc/kernel/cmdline": b"root=UUID=cmdline-secret intel_iommu=on\n",
    "/etc/kernel/proxmox-boot-uuids": b"uuids-secret\n",
    "/sys/class/dmi/id/sys_vendor": b"Acme\n",
    "/sys/class/dmi/id/product_name": b"Box\n",
    "/sys/class/dmi/id/product_serial": b"serial-secret\n",
    "/sys/class/dmi/id/product_uuid": b"uuid-secret\n",
    "/sys/hypervisor/type": b"xen\n",
    "/sys/hypervisor/uuid": b"domain-secret\n",
    "/proc/cpuinfo": b"vendor_id\t: GenuineIntel\nflags\t\t: fpu flag-secret hypervisor\n",
}


@pytest.mark.parametrize("gone", [(), ("/etc/kernel/proxmox-boot-uuids",), ("/etc/default/grub",)])
def test_a_capture_keeps_how_the_host_boots_and_nothing_private(
    gone: tuple[str, ...], tmp_path: Path
) -> None:
    host = {path: entry for path, entry in (HOSTS["x86"] | SITE).items() if path not in gone}
    file = str(tmp_path / "host.tar")
    assert main(["capture", "--root", trees.write(tmp_path / "root", host), file]) == 0
    whole = Path(file).read_bytes()
    assert b"secret" not in whole
    site, kept = take(Memory(host)).site, take(capture.load(file)).site
    assert site is not None
    assert kept is not None
    assert kept.boot_loader == site.boot_loader
    assert (kept.machine, kept.virtual, kept.vendor) == (site.machine, site.virtual, site.vendor)
