"""How a host gets its command line: told by its files, and nothing private of them is kept."""

from __future__ import annotations

import pytest

from vfioguard.kernel.identity import boot_loader
from vfioguard.kernel.identity.boot_loader import (
    BOOT_CURRENT,
    GRUB,
    GRUB_D,
    LOADER_INFO,
    BootLoader,
    Line,
)
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.recording import Recording

SYSTEMD_BOOT = b"\x06\0\0\0" + "systemd-boot 255.4-1".encode("utf-16-le") + b"\0\0"
LIMINE = b"\x06\0\0\0" + "Limine 9.3.3".encode("utf-16-le") + b"\0\0"
GRUB_LOADER = b"\x06\0\0\0" + "GRUB 2.12".encode("utf-16-le") + b"\0\0"
KERNEL_CMDLINE = "/etc/kernel/cmdline"
PRESET = b'PRESETS=("default")\n%sdefault_uki="/efi/secret.efi"\n'
DEBIAN_GRUB = (
    b"# comment intremap=off\nGRUB_TIMEOUT=5\n"
    b'GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=off root=UUID=secret"\n'
    b"GRUB_CMDLINE_LINUX='iommu=pt'\n"
)
PROXMOX: dict[str, Entry] = {
    "/etc/kernel/proxmox-boot-uuids": b"2F9C-B9F5\n",
    "/etc/kernel/cmdline": b"root=ZFS=rpool intel_iommu=on\n",
    GRUB: DEBIAN_GRUB,
}
HOSTS: dict[str, tuple[dict[str, Entry], BootLoader]] = {
    "nothing": ({}, BootLoader("")),
    "debian": (
        {GRUB: DEBIAN_GRUB, "/usr/sbin/update-grub": b"#!/bin/sh\n"},
        BootLoader(
            "grub",
            (
                Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ("intel_iommu=off",)),
                Line(GRUB, "GRUB_CMDLINE_LINUX", ("iommu=pt",)),
            ),
            "update-grub",
        ),
    ),
    "opensuse": (
        {GRUB: b'GRUB_CMDLINE_LINUX_DEFAULT=""\n', "/boot/grub2": None},
        BootLoader(
            "grub",
            (Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ()),),
            "grub2-mkconfig -o /boot/grub2/grub.cfg",
        ),
    ),
    "arch": (
        {GRUB: b"GRUB_CMDLINE_LINUX_DEFAULT=intremap=off\n"},
        BootLoader(
            "grub",
            (Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ("intremap=off",)),),
            "grub-mkconfig -o /boot/grub/grub.cfg",
        ),
    ),
    "fedora": ({GRUB: DEBIAN_GRUB, "/usr/sbin/grubby": b"ELF"}, BootLoader("grubby")),
    "silverblue": (
        {"/run/ostree-booted": b"", "/usr/bin/rpm-ostree": b"ELF", GRUB: DEBIAN_GRUB},
        BootLoader("rpm-ostree"),
    ),
    "pop": ({"/etc/kernelstub/configuration": b"{}"}, BootLoader("kernelstub")),
    "nixos": ({"/etc/NIXOS": b""}, BootLoader("nixos")),
    "raspberry pi": (
        {"/boot/firmware/cmdline.txt": b"console=serial0 root=PARTUUID=x iommu.passthrough=1\n"},
        BootLoader("file", (Line("/boot/firmware/cmdline.txt", "", ("iommu.passthrough=1",)),)),
    ),
    "systemd-boot": (
        {"/etc/kernel/cmdline": b"root=UUID=1 amd_iommu=off\n", LOADER_INFO: SYSTEMD_BOOT},
        BootLoader(
            "file", (Line("/etc/kernel/cmdline", "", ("amd_iommu=off",)),), "kernel-install add-all"
        ),
    ),
    "systemd-boot beside GRUB's file": (
        {"/etc/kernel/cmdline": b"ro\n", LOADER_INFO: SYSTEMD_BOOT, GRUB: DEBIAN_GRUB},
        BootLoader("file", (Line("/etc/kernel/cmdline", "", ()),), "kernel-install add-all"),
    ),
    "the files of both, and EFI's variables are hidden": (
        {"/etc/kernel/cmdline": b"ro\n", GRUB: DEBIAN_GRUB, "/sys/firmware/efi/fw_vendor": b"0\n"},
        BootLoader(""),
    ),
    "systemd-boot of SUSE": (
        {"/etc/kernel/cmdline": b"ro\n", "/usr/bin/sdbootutil": b"#!"},
        BootLoader("file", (Line("/etc/kernel/cmdline", "", ()),), "sdbootutil update-all-entries"),
    ),
    "grub2-bls of SUSE": (
        {KERNEL_CMDLINE: b"ro\n", "/usr/bin/sdbootutil": b"#!", GRUB: DEBIAN_GRUB}
        | {LOADER_INFO: GRUB_LOADER},
        BootLoader("file", (Line(KERNEL_CMDLINE, "", ()),), "sdbootutil update-all-entries"),
    ),
    "GRUB of SUSE beside sdbootutil": (
        {"/usr/bin/sdbootutil": b"#!", GRUB: b'GRUB_CMDLINE_LINUX=""\n', "/boot/grub2": None},
        BootLoader(
            "grub",
            (Line(GRUB, "GRUB_CMDLINE_LINUX", ()),),
            "grub2-mkconfig -o /boot/grub2/grub.cfg",
        ),
    ),
    "MicroOS": (
        {"/usr/sbin/transactional-update": b"#!", "/boot/grub2": None}
        | {GRUB: b'GRUB_CMDLINE_LINUX_DEFAULT="quiet intremap=off"\n'},
        BootLoader(
            "grub",
            (Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ("intremap=off",)),),
            "transactional-update grub.cfg",
        ),
    ),
    "an image of mkinitcpio": (
        {KERNEL_CMDLINE: b"ro\n", "/etc/mkinitcpio.d/linux.preset": PRESET % b""},
        BootLoader("file", (Line(KERNEL_CMDLINE, "", ()),), "mkinitcpio -P"),
    ),
    "mkinitcpio without such an image": (
        {KERNEL_CMDLINE: b"ro\n", "/etc/mkinitcpio.d/linux.preset": PRESET % b"#"}
        | {"/boot/loader/entries/arch.conf": b"options ro\n"},
        BootLoader("entries"),
    ),
    "mkinitcpio, and no entry to be seen": (
        {KERNEL_CMDLINE: b"ro\n", "/etc/mkinitcpio.d/linux.preset": b""},
        BootLoader(""),
    ),
    "limine": (
        {KERNEL_CMDLINE: b"ro intel_iommu=off\n", LOADER_INFO: LIMINE},
        BootLoader("other", name="Limine"),
    ),
    "limine with its tool": (
        {LOADER_INFO: LIMINE, "/etc/default/limine": b"secret\n", "/usr/bin/limine-update": b"#!"},
        BootLoader("limine", command="limine-update", name="Limine"),
    ),
    "limine beside GRUB's file": (
        {LOADER_INFO: LIMINE, GRUB: DEBIAN_GRUB},
        BootLoader("other", name="Limine"),
    ),
    "truenas": (
        {GRUB: DEBIAN_GRUB, f"{GRUB_D}/truenas.cfg": DEBIAN_GRUB, "/usr/sbin/update-grub": b"#!"},
        BootLoader("truenas"),
    ),
    "bootc": (
        {"/run/ostree-booted": b"", "/usr/bin/bootc": b"ELF", GRUB: DEBIAN_GRUB},
        BootLoader("bootc"),
    ),
    "bootc with rpm-ostree": (
        {"/run/ostree-booted": b"", "/usr/bin/bootc": b"ELF", "/usr/bin/rpm-ostree": b"ELF"},
        BootLoader("rpm-ostree"),
    ),
    "an image of another kind": ({"/run/ostree-booted": b"", GRUB: DEBIAN_GRUB}, BootLoader("")),
    "openshift": (
        {"/run/ostree-booted": b"", "/usr/bin/rpm-ostree": b"ELF"}
        | {"/etc/machine-config-daemon/currentconfig": b"secret\n"},
        BootLoader("machine-config"),
    ),
    "proxmox, a second line that does not count": (
        PROXMOX | {KERNEL_CMDLINE: b"root=ZFS=rpool\nintel_iommu=on\n", LOADER_INFO: SYSTEMD_BOOT},
        BootLoader("file", (Line(KERNEL_CMDLINE, "", ()),), "proxmox-boot-tool refresh"),
    ),
    "entries alone": ({"/boot/loader/entries/linux.conf": b"options ro\n"}, BootLoader("entries")),
    "proxmox, systemd-boot": (
        PROXMOX | {LOADER_INFO: SYSTEMD_BOOT},
        BootLoader(
            "file",
            (Line("/etc/kernel/cmdline", "", ("intel_iommu=on",)),),
            "proxmox-boot-tool refresh",
        ),
    ),
    "proxmox, EFI whose variables are hidden": (
        PROXMOX | {"/sys/firmware/efi/fw_vendor": b"0x0\n"},
        BootLoader(""),
    ),
    "proxmox, GRUB by EFI": (
        PROXMOX | {BOOT_CURRENT: b"\6\0\0\0\1\0"},
        BootLoader(
            "grub",
            (
                Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ("intel_iommu=off",)),
                Line(GRUB, "GRUB_CMDLINE_LINUX", ("iommu=pt",)),
            ),
            "proxmox-boot-tool refresh",
        ),
    ),
    "proxmox, GRUB by BIOS": (
        PROXMOX,
        BootLoader(
            "grub",
            (
                Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ("intel_iommu=off",)),
                Line(GRUB, "GRUB_CMDLINE_LINUX", ("iommu=pt",)),
            ),
            "proxmox-boot-tool refresh",
        ),
    ),
    "a cloud's image": (
        {
            GRUB: b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
            f"{GRUB_D}/50-cloud.cfg": b'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0 iommu=off"\n',
            f"{GRUB_D}/README": b'GRUB_CMDLINE_LINUX_DEFAULT="intremap=off"\n',
        },
        BootLoader(
            "grub",
            (
                Line(GRUB, "GRUB_CMDLINE_LINUX_DEFAULT", ()),
                Line(f"{GRUB_D}/50-cloud.cfg", "GRUB_CMDLINE_LINUX_DEFAULT", ("iommu=off",)),
            ),
            "grub-mkconfig -o /boot/grub/grub.cfg",
        ),
    ),
}


@pytest.mark.parametrize("name", HOSTS)
def test_the_boot_loader_is_told_by_its_files(name: str) -> None:
    files, loader = HOSTS[name]
    assert boot_loader.read(Memory(files)) == loader


@pytest.mark.parametrize("name", HOSTS)
def test_a_recording_tells_the_same_and_holds_nothing_private(name: str) -> None:
    files, loader = HOSTS[name]
    recording = Recording(Memory(files))
    boot_loader.read(recording)
    assert boot_loader.read(Memory(recording.entries)) == loader
    kept = b"".join(entry for entry in recording.entries.values() if isinstance(entry, bytes))
    for private in (b"UUID", b"secret", b"2F9C", b"rpool", b"console", b"quiet", b"ELF"):
        assert private not in kept


@pytest.mark.parametrize(
    "info", [b"", b"\6", b"\6\0\0\0", b"\6\0\0\0\t\0", b"\6\0\0\0\x1b\0x", b"\xff" * 99]
)
def test_a_broken_loader_info_names_no_loader(info: bytes) -> None:
    files: dict[str, Entry] = {LOADER_INFO: info, GRUB: DEBIAN_GRUB}
    assert boot_loader.read(Memory(files)).kind == "grub"


def test_a_hostile_name_of_a_file_cannot_steer_a_terminal() -> None:
    hostile = f"{GRUB_D}/\x1b[2J.cfg"
    loader = boot_loader.read(Memory({hostile: DEBIAN_GRUB, GRUB: DEBIAN_GRUB}))
    assert loader.lines
    assert all(line.file.isprintable() for line in loader.lines)
