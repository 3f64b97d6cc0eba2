"""The command line of QEMU for a cell."""

from __future__ import annotations

import glob
import os
import subprocess
from typing import NamedTuple

from lab import devicetree, tools
from lab.archive import Archive
from lab.kernels import Kernel
from lab.say import Failed
from lab.table import VIRTIO, Cell


class Machine(NamedTuple):
    """What all cells of an architecture have: QEMU's machine, console and the guest's way out."""

    machine: str
    cpu: str
    console: str
    #: Devices over which the guest hands out; none where the cell brings its own.
    way_out: tuple[str, ...] = ()


_PORT = "virtserialport,chardev=lab,name=lab"
MACHINES = {
    "amd64": Machine("q35", "max", "ttyS0", ("isa-debugcon,iobase=0x3e0,chardev=lab",)),
    "arm64": Machine("virt", "cortex-a72", "ttyAMA0", ("virtio-serial-device", _PORT)),
    "riscv64": Machine("virt", "rv64", "ttyS0", ("virtio-serial-device", _PORT)),
    "s390x": Machine("s390-ccw-virtio", "max", "ttysclp0", ("virtio-serial-ccw", _PORT)),
    "ppc64el": Machine("pseries", "power10", "hvc0"),
    "loong64": Machine("virt", "max", "ttyS0"),
}


class Boot(NamedTuple):
    """What a boot starts from, and where it leaves what it says."""

    cell: Cell
    kernel: Kernel
    initrd: str
    folder: str


def version(archive: Archive, arch: str) -> str:
    """The version of QEMU, as it says it."""
    said = subprocess.run(
        _qemu(archive, arch, "--version"), capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise Failed(f"QEMU does not start: {said.stderr.strip()[-200:]}")
    return said.stdout.splitlines()[0].removeprefix("QEMU emulator version ")


def cmdline(boot: Boot) -> str:
    """The kernel's command line."""
    # A panic ends QEMU, as it does not reboot. The check of the timer fails on a busy host.
    words = [f"console={MACHINES[boot.cell.arch].console}", "panic=-1"]
    words += ["no_timer_check"] if boot.cell.arch == "amd64" else []
    words += ["acpi=off"] if boot.cell.arch == "arm64" and boot.cell.firmware == "dt" else []
    return " ".join([*words, boot.cell.cmdline]).strip()


def command(archive: Archive, boot: Boot) -> list[str]:
    """The command that boots a cell; its device tree is made if the cell edits it."""
    cell = boot.cell
    whole = [
        *_qemu(archive, cell.arch), *_machine(boot), "-display", "none", "-no-reboot", "-smp", "2",
        "-accel", "tcg,thread=multi", "-chardev", f"file,id=con,path={boot.folder}/console",
        "-chardev", f"file,id=lab,path={boot.folder}/stream", "-serial", "chardev:con",
    ]  # fmt: skip
    whole += ["-nic", "none", "-vga", "none", "-monitor", "none"] if cell.defaults else []
    whole += [] if cell.defaults else ["-nodefaults"]
    if cell.arch == "arm64" and cell.firmware == "acpi":
        whole += ["-bios", f"{archive.root}/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"]
    if cell.arch == "loong64":
        whole += ["-bios", f"{archive.root}/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd"]
    if cell.dt:
        whole += ["-dtb", _device_tree(archive, boot)]
    virtio = VIRTIO if cell.iommu else ""
    for row in [*MACHINES[cell.arch].way_out, *cell.devices_of_all]:
        option, _, value = row.partition(" ") if row.startswith("-") else ("-device", "", row)
        whole += [option, value.replace("{virtio}", virtio)]
    return [
        *whole, "-kernel", boot.kernel.image, "-initrd", boot.initrd, "-append", cmdline(boot)
    ]  # fmt: skip


def _machine(boot: Boot) -> list[str]:
    known, cell = MACHINES[boot.cell.arch], boot.cell
    # Kernels with pages of 16 KiB want a CPU that has them.
    cpu = "max" if boot.kernel.name.endswith("-16k") else cell.cpu or known.cpu
    return ["-M", cell.machine or known.machine, "-cpu", cpu, "-m", str(cell.memory)]


def _qemu(archive: Archive, arch: str, *arguments: str) -> list[str]:
    program = archive.program(f"usr/bin/qemu-system-{tools.TARGETS[arch].qemu}")
    usr = f"{archive.root}/usr"
    shares = [
        f"{usr}/share/qemu",
        f"{usr}/share/seabios",
        f"{usr}/lib/ipxe/qemu",
        f"{usr}/share/slof",
    ]
    shares += glob.glob(f"{usr}/lib/riscv64-linux-gnu/opensbi/generic")
    return [*program, *(word for share in shares for word in ("-L", share)), *arguments]


def _device_tree(archive: Archive, boot: Boot) -> str:
    """The machine's own device tree with the cell's edits, as a file."""
    path = f"{boot.folder}/device-tree"
    machine = _machine(boot)
    machine[1] += f",dumpdtb={path}"
    dumped = subprocess.run(
        _qemu(archive, boot.cell.arch, *machine, "-smp", "2", "-nodefaults", "-display", "none"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not os.path.exists(path):
        raise Failed(f"QEMU gives no device tree: {dumped.stderr.strip()[-200:]}")
    with open(path, "rb") as file:
        blob = devicetree.edited(file.read(), boot.cell.dt)
    with open(path, "wb") as file:
        file.write(blob)
    return path
