"""How this host gets its kernel command line: the file to edit, and the command that applies it.

A boot loader is known by files in /etc, and by EFI's LoaderInfo, which systemd-boot sets
(https://systemd.io/BOOT_LOADER_INTERFACE). Only options that `cmdline.select` knows are kept of a
file, because the others name disks and keys.
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, printable, printable_bytes
from vfioguard.kernel.identity import cmdline
from vfioguard.root import Root, listing, reading
from vfioguard.typed import NamedTuple

LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
EFI = "/sys/firmware/efi"
#: Every start by EFI has this variable, so without it the variables are not shown here.
BOOT_CURRENT = f"{EFI}/efivars/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c"
NIXOS = "/etc/NIXOS"
OSTREE = "/run/ostree-booted"
PROXMOX = "/etc/kernel/proxmox-boot-uuids"
KERNELSTUB = "/etc/kernelstub/configuration"
#: OpenShift's operator owns the node; its daemon writes this (openshift/machine-config-operator).
MACHINE_CONFIG = "/etc/machine-config-daemon/currentconfig"
#: truenas/middleware writes it from its own settings, system.advanced.
TRUENAS = "/etc/default/grub.d/truenas.cfg"
LIMINE = "/etc/default/limine"
MKINITCPIO_D = "/etc/mkinitcpio.d"
#: The Raspberry Pi's firmware reads this file; the first path is that of recent releases.
RASPBERRY_PI = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
KERNEL_CMDLINE = "/etc/kernel/cmdline"
GRUB = "/etc/default/grub"
GRUB_D = "/etc/default/grub.d"
ENTRIES = "/boot/loader/entries"
#: Programs that apply an edit, where distributions have them.
_GRUBBY = ("/usr/sbin/grubby", "/usr/bin/grubby", "/sbin/grubby")
_RPM_OSTREE = ("/usr/bin/rpm-ostree",)
_UPDATE_GRUB = ("/usr/sbin/update-grub", "/usr/bin/update-grub", "/sbin/update-grub")
_SDBOOTUTIL = ("/usr/bin/sdbootutil",)
_BOOTC = ("/usr/bin/bootc",)
_TRANSACTIONAL = ("/usr/sbin/transactional-update", "/usr/bin/transactional-update")
_LIMINE_UPDATE = ("/usr/bin/limine-update",)
#: What LoaderInfo says of systemd's loader, and of GRUB's module bli.
_SYSTEMD_BOOT, _GRUB_LOADER = "systemd-boot", "GRUB"
_NAME = r"[A-Za-z][\w.+-]*"
#: mkinitcpio(8): a preset that makes a unified kernel image, which holds the command line.
_UKI = rb"(?m)^[ \t]*\w+_uki="
_LIMIT = 64 << 10
_ASSIGNED = (
    rb'(?m)^[ \t]*(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)=(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\S*))'
)


class Line(NamedTuple):
    """A line with options: its file, the variable that it sets or "", and the options kept."""

    file: str
    variable: str
    words: tuple[str, ...]


class BootLoader(NamedTuple):
    """The way to the command line. `kind` is "" if no way is known.

    `lines` are the places where options stand now, in the order in which they count. `command`
    applies an edit of a file; it is None if the edit needs none, or if `kind` is a program. `name`
    is the loader's own, if it is another than those whose files are known.
    """

    kind: str
    lines: tuple[Line, ...] = ()
    command: str | None = None
    name: str = ""


def read(root: Root) -> BootLoader:
    """The boot loader of this host. A file that cannot be read is taken as not there."""
    if _is_there(root, NIXOS):
        return BootLoader("nixos")
    if _is_there(root, OSTREE):
        return _ostree(root)
    if _is_there(root, TRUENAS):
        return BootLoader("truenas")
    if _is_there(root, PROXMOX):
        return _proxmox(root)
    if _is_there(root, KERNELSTUB):
        return BootLoader("kernelstub")
    for path in RASPBERRY_PI:
        if line := _one_line(root, path, first=True):
            return BootLoader("file", (line,))
    starter = _started_by(root)
    if starter not in {None, _SYSTEMD_BOOT, _GRUB_LOADER}:
        return _of_another(root, starter or "")
    if suse := _suse(root):
        return suse
    if starter == _SYSTEMD_BOOT or not _is_there(root, GRUB):
        return _systemd_boot(root)
    if _program(root, _GRUBBY):
        return BootLoader("grubby")
    if _is_open(root):
        return BootLoader("")
    return _grub(root, _grub_command(root))


def _ostree(root: Root) -> BootLoader:
    """A system of images: the entries of its boot loader are not made from files in /etc."""
    if _is_there(root, MACHINE_CONFIG):
        return BootLoader("machine-config")
    if _program(root, _RPM_OSTREE):
        return BootLoader("rpm-ostree")
    return BootLoader("bootc" if _program(root, _BOOTC) else "")


def _of_another(root: Root, name: str) -> BootLoader:
    """A loader that is neither GRUB nor systemd-boot, such as Limine or rEFInd."""
    if name == "Limine" and _is_there(root, LIMINE) and _program(root, _LIMINE_UPDATE):
        return BootLoader("limine", command="limine-update", name=name)
    return BootLoader("other", name=name)


def _suse(root: Root) -> BootLoader | None:
    """SUSE's systemd-boot and grub2-bls.

    They take the options from /etc/kernel/cmdline (openSUSE/sdbootutil README.md).
    """
    line = _one_line(root, KERNEL_CMDLINE) if _program(root, _SDBOOTUTIL) else None
    return None if line is None else BootLoader("file", (line,), "sdbootutil update-all-entries")


def _proxmox(root: Root) -> BootLoader:
    """proxmox-boot-tool copies kernels for systemd-boot or GRUB, each with a file of its own.

    proxmox/pve-docs system-booting.adoc, "Editing the Kernel Commandline". Both files may be there.
    """
    refresh = "proxmox-boot-tool refresh"
    line = _one_line(root, KERNEL_CMDLINE, first=True)  # its documentation: one line
    if line is not None and _started_by(root) == _SYSTEMD_BOOT:
        return BootLoader("file", (line,), refresh)
    return BootLoader("") if _is_open(root) else _grub(root, refresh)


def _is_open(root: Root) -> bool:
    """Whether GRUB or systemd-boot may have started this host: EFI's variables are hidden.

    Then the files of both are there, and only one of them counts.
    """
    hidden = isinstance(listing(root, EFI), Fact) and not _is_there(root, BOOT_CURRENT)
    return hidden and _started_by(root) is None and _one_line(root, KERNEL_CMDLINE) is not None


def _systemd_boot(root: Root) -> BootLoader:
    line = _one_line(root, KERNEL_CMDLINE)
    made = _made_by_mkinitcpio(root) if line is not None else None
    if line is not None and made is not False:
        command = "mkinitcpio -P" if made else "kernel-install add-all"
        return BootLoader("file", (line,), command)
    entries = listing(root, ENTRIES)
    if isinstance(entries, Fact) and any(name.endswith(".conf") for name in entries.value):
        return BootLoader("entries")
    return BootLoader("")


def _made_by_mkinitcpio(root: Root) -> bool | None:
    """Whether a preset of mkinitcpio makes a unified kernel image, as Arch's installer sets up.

    Returns None if there is no preset. With presets alone nothing calls kernel-install, and nothing
    but such an image holds /etc/kernel/cmdline.
    """
    names = listing(root, MKINITCPIO_D)
    named = names.value if isinstance(names, Fact) else ()
    presets = [name for name in named if name.endswith(".preset")]
    for name in presets:
        path = f"{MKINITCPIO_D}/{name}"
        preset = reading(root, path, lambda raw: raw, _LIMIT, _select_uki)
        if isinstance(preset, Fact) and preset.raw:
            return True
    return False if presets else None


def _select_uki(raw: bytes) -> bytes:
    return b"".join(option.strip() + b"\n" for option in re.findall(_UKI, raw))


def _grub(root: Root, command: str) -> BootLoader:
    """/etc/default/grub, and the files of grub.d that Debian's grub-mkconfig reads after it."""
    names = listing(root, GRUB_D)
    more = (
        [name for name in names.value if name.endswith(".cfg")] if isinstance(names, Fact) else []
    )
    lines: list[Line] = []
    for path in (GRUB, *[f"{GRUB_D}/{name}" for name in more]):
        content = reading(root, path, lambda raw: raw, _LIMIT, select_grub)
        matches = re.finditer(_ASSIGNED, content.raw) if isinstance(content, Fact) else ()
        lines += [Line(printable(path), m[1].decode(), cmdline.parse(_value(m))) for m in matches]
    return BootLoader("grub", tuple(lines), command) if lines else BootLoader("")


def _grub_command(root: Root) -> str:
    if _program(root, _UPDATE_GRUB):
        return "update-grub"
    if _program(root, _TRANSACTIONAL):  # MicroOS, SLE Micro: the root is read-only
        return "transactional-update grub.cfg"
    if isinstance(listing(root, "/boot/grub2"), Fact):
        return "grub2-mkconfig -o /boot/grub2/grub.cfg"
    return "grub-mkconfig -o /boot/grub/grub.cfg"


def _started_by(root: Root) -> str | None:
    """The program that EFI says started the kernel, such as "Limine"; None if nobody says."""
    info = reading(root, LOADER_INFO, _program_name, select=select_loader)
    return info.value if isinstance(info, Fact) and re.fullmatch(_NAME, info.value) else None


def select_loader(raw: bytes) -> bytes:
    """Keep the program's name: after four bytes of attributes, UTF-16 up to its version."""
    if raw.startswith(b"loader "):
        return raw
    name = raw[4:].decode("utf-16-le", "replace").partition(" ")[0]
    return b"loader " + name.encode("ascii", "replace")


def _program_name(raw: bytes) -> str:
    return printable_bytes(raw.removeprefix(b"loader "))


def select_grub(raw: bytes) -> bytes:
    """Keep the assignments of the command line, with the options that `cmdline` knows."""
    matches = re.finditer(_ASSIGNED, raw)
    return b"".join(
        b'%s="%s"\n' % (match[1], cmdline.select(_value(match)).strip()) for match in matches
    )


def _value(match: re.Match[bytes]) -> bytes:
    return next((part for part in match.groups()[1:] if part is not None), b"")


def _one_line(root: Root, path: str, *, first: bool = False) -> Line | None:
    """A file that holds the options themselves; `first`: only its first line counts.

    Returns None if it cannot be read.
    """
    select = _select_first if first else cmdline.select
    words = reading(root, path, cmdline.parse, _LIMIT, select)
    return Line(path, "", words.value) if isinstance(words, Fact) else None


def _select_first(raw: bytes) -> bytes:
    return cmdline.select(raw.partition(b"\n")[0])


def _program(root: Root, paths: tuple[str, ...]) -> bool:
    return any(_is_there(root, path) for path in paths)


def _is_there(root: Root, path: str) -> bool:
    """Whether there is a file; nothing of it is kept."""
    try:
        root.head(path, 1, _nothing)
    except OSError:
        return False
    return True


def _nothing(_: bytes) -> bytes:
    return b""
