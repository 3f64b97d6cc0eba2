"""Synthetic x86 hosts as directory trees: `python bench/hosts.py DIR N` makes one of N groups.

Links, names and contents are what Linux 6.12 shows on an Intel host. Functions come in blocks of
256: a root port, a NIC's physical function (64 vectors) and 254 virtual functions behind it. Of the
virtual functions 60 % are on vfio-pci, half of them in use (9 vectors), 30 % on a host driver
(16 vectors), and 10 % have no driver: about 7.7 MSIs a group.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hosts_text as texts

_BLOCK = 256  # a root port, and all 255 functions that its bus can hold beside it
_PORTS = 8  # root ports (and so blocks) of one root complex, which has one DMAR unit
_COMPLEXES = 16  # root complexes of one PCI domain
_MAX_GROUPS = _BLOCK * _PORTS * _COMPLEXES * 0x10000  # PCI domains end at 0xffff
_FIRST_MSI = 24

PORT, PF, VF = "port", "pf", "vf"


class Function(NamedTuple):
    """A PCI function: `parents` is its directory below sys/devices, `group` its IOMMU group."""

    name: str
    kind: str
    parents: str
    group: int
    unit: int
    driver: str | None
    vectors: int
    bus: int

    @property
    def path(self) -> str:
        """The device's directory, below sys/."""
        return f"devices/{self.parents}/{self.name}"


def make(path: Path, groups: int, remapping: bool = True) -> None:
    """Write the tree of a host with so many groups into `path`, which must not hold one yet."""
    if not 0 < groups <= _MAX_GROUPS:
        raise ValueError(f"{groups} groups: not between 1 and {_MAX_GROUPS}")
    found = tuple(functions(groups))
    units = found[-1].unit + 1
    base = os.fspath(path)
    _skeleton(f"{base}/sys", found, units)
    irq = _wired(f"{base}/sys", units, remapping=remapping)
    lines: list[str] = []
    for function in found:
        _function(f"{base}/sys", function)
        _group(f"{base}/sys", function)
        chip = texts.msi_chip(function.kind, function.name, remapping=remapping)
        for number in range(irq, irq + function.vectors):
            _put(f"{base}/sys/{function.path}/msi_irqs/{number}", "msix\n")
            _irq(f"{base}/sys", number, chip, function.driver or "")
            lines.append(texts.interrupt(number, chip, f"{number - irq}-edge", function.name))
        irq += function.vectors
    _proc(f"{base}/proc", lines, remapping=remapping)
    _directory(f"{base}/boot")
    _put(f"{base}/boot/config-{texts.RELEASE}", texts.kernel_config())


def functions(groups: int) -> Iterator[Function]:
    """The functions of a host with so many groups, one a group, in the order of their addresses."""
    for number in range(groups):
        block, at = divmod(number, _BLOCK)
        unit, port = divmod(block, _PORTS)
        domain, complex_ = divmod(unit, _COMPLEXES)
        root = complex_ * 0x100 // _COMPLEXES
        bus = root + 1 + port
        port_name = f"{domain:04x}:{root:02x}:{port + 1:02x}.0"
        parents = f"pci{domain:04x}:{root:02x}"
        if at == 0:
            yield Function(port_name, PORT, parents, number, unit, "pcieport", 1, bus)
            continue
        name = f"{domain:04x}:{bus:02x}:{at - 1 >> 3:02x}.{at - 1 & 7}"
        parents += f"/{port_name}"
        if at == 1:
            yield Function(name, PF, parents, number, unit, "ice", 64, bus)
        else:
            yield Function(name, VF, parents, number, unit, *_use(at), bus)


def _use(at: int) -> tuple[str | None, int]:
    """Driver and vectors of a virtual function."""
    tenth = at % 10
    if tenth < 6:
        return "vfio-pci", 9 if tenth % 2 else 0
    return ("iavf", 16) if tenth < 9 else (None, 0)


def _skeleton(sys_: str, found: tuple[Function, ...], units: int) -> None:
    for name in ("bus/pci/devices", "class/iommu"):
        _directory(f"{sys_}/{name}")
    for name in ("btf", "iommu_groups", "irq"):
        _directory(f"{sys_}/kernel/{name}")
    for driver in {function.driver for function in found if function.driver}:
        _directory(f"{sys_}/bus/pci/drivers/{driver}")
    for module, parameter in texts.PARAMETERS:
        _directory(f"{sys_}/module/{module}/parameters")
        _put(f"{sys_}/module/{module}/parameters/{parameter}", "N\n")
    for unit in range(units):
        path = f"{sys_}/devices/virtual/iommu/dmar{unit}"
        _directory(f"{path}/intel-iommu")
        _directory(f"{path}/devices")
        for name, text in texts.registers(unit):
            _put(f"{path}/intel-iommu/{name}", text)
        _link(f"../../devices/virtual/iommu/dmar{unit}", f"{sys_}/class/iommu/dmar{unit}")
    _put(f"{sys_}/kernel/btf/vmlinux", texts.btf())


def _wired(sys_: str, units: int, *, remapping: bool) -> int:
    """The IO-APIC's interrupts and the DMAR units' own; returns the first free number."""
    for number in texts.WIRED:
        _irq(sys_, number, texts.io_apic(remapping=remapping), texts.WIRED[number])
    for unit in range(units):
        _irq(sys_, _FIRST_MSI + unit, "DMAR-MSI", f"dmar{unit}")
    return _FIRST_MSI + units


def _irq(sys_: str, number: int, chip: str, actions: str) -> None:
    path = f"{sys_}/kernel/irq/{number}"
    os.mkdir(path)
    _put(f"{path}/actions", f"{actions}\n")
    _put(f"{path}/chip_name", f"{chip}\n")
    _put(f"{path}/hwirq", f"{number}\n")


def _function(sys_: str, function: Function) -> None:
    path, name = f"{sys_}/{function.path}", function.name
    up = "../" * (function.parents.count("/") + 3)  # to sys/
    _directory(f"{path}/power")
    _put(f"{path}/power/runtime_status", "active\n")
    for file, text in texts.attributes(function.kind, name, function.driver):
        _put(f"{path}/{file}", text)
    _put(f"{path}/config", texts.config_space(function.kind, function.bus))
    _link(f"{up}bus/pci", f"{path}/subsystem")
    _link(f"{up}kernel/iommu_groups/{function.group}", f"{path}/iommu_group")
    _link(f"{up}devices/virtual/iommu/dmar{function.unit}", f"{path}/iommu")
    if function.driver:
        _link(f"{up}bus/pci/drivers/{function.driver}", f"{path}/driver")
    if function.vectors:
        os.mkdir(f"{path}/msi_irqs")
    if function.kind == VF:
        pf, number = f"{name[:8]}00.0", function.group % _BLOCK - 2
        _link(f"../{pf}", f"{path}/physfn")
        _link(f"../{name}", f"{os.path.dirname(path)}/{pf}/virtfn{number}")
        if not number:
            _put(f"{os.path.dirname(path)}/{pf}/sriov_numvfs", f"{_BLOCK - 2}\n")
    _link(f"../../../{function.path}", f"{sys_}/bus/pci/devices/{name}")
    managed = f"{sys_}/devices/virtual/iommu/dmar{function.unit}/devices/{name}"
    _link(f"../../../../{function.path.removeprefix('devices/')}", managed)


def _group(sys_: str, function: Function) -> None:
    path = f"{sys_}/kernel/iommu_groups/{function.group}"
    _directory(f"{path}/devices")
    _put(f"{path}/type", "DMA-FQ\n")
    _put(f"{path}/reserved_regions", texts.RESERVED_REGIONS)
    _link(f"../../../../{function.path}", f"{path}/devices/{function.name}")


def _proc(proc: str, lines: list[str], *, remapping: bool) -> None:
    _directory(f"{proc}/sys/kernel")
    _put(f"{proc}/cmdline", texts.cmdline(remapping=remapping))
    _put(f"{proc}/cpuinfo", texts.CPUINFO)
    _put(f"{proc}/interrupts", texts.interrupts(lines, remapping=remapping))
    _put(f"{proc}/sys/kernel/osrelease", f"{texts.RELEASE}\n")
    _put(f"{proc}/sys/kernel/arch", "x86_64\n")


def _directory(path: str) -> None:
    os.makedirs(path, exist_ok=True)


def _put(path: str, content: str | bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, content.encode() if isinstance(content, str) else content)
    finally:
        os.close(fd)


def _link(target: str, path: str) -> None:
    os.symlink(target, path)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit(f"usage: {sys.argv[0]} DIR GROUPS")
    make(Path(sys.argv[1]), int(sys.argv[2]))
