"""Synthetic hosts, laid out as sysfs lays them out, for `vfioguard.root.memory.Memory`.

`x86_host(groups=3, remapping=False)` is a dict of path -> entry. A test changes what it is about in
the dict, then reads `Memory(entries)`; `trees.write(directory, entries)` puts the host on a disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.support.functions import Function, device_directory, link_device
from vfioguard.root.memory import Entry, Link

#: Group -> its members. A PCI address is a PCI function, any other name an ACPI or platform device.
Groups = Mapping[int, Sequence[Function | str]]

_CONFIG = b"""\
CONFIG_PCI_MSI=y
CONFIG_IRQ_REMAP=y
CONFIG_VFIO=m
CONFIG_VFIO_CONTAINER=y
CONFIG_VFIO_IOMMU_TYPE1=m
# CONFIG_VFIO_NOIOMMU is not set
CONFIG_IOMMUFD=%s
# CONFIG_IOMMUFD_VFIO_CONTAINER is not set
CONFIG_PROC_FS=y
"""
_HEX = b"fee00000", b"feefffff"
_X86_REGIONS = b"0x00000000%s 0x00000000%s msi\n" % _HEX
_ARM_REGIONS = b"0x0000000008000000 0x00000000080fffff msi\n"


def x86_host(
    groups: int | Groups = 4,
    *,
    remapping: bool = True,
    override: bool | None = False,
    iommufd: bool | None = None,
    release: str = "6.12.0-amd64",
    vendor: str = "intel",
    msis: bool = True,
    cmdline: bytes = b"",
) -> dict[str, Entry]:
    """An x86 host whose units cover every device.

    `override` and `iommufd` are the values of the parameters. `override` is None if the module is
    not loaded, `iommufd` is None if the kernel has none. `msis` says whether functions show MSIs;
    on vfio-pci they do not.
    """
    prefix = "IR-" if remapping else ""
    chip = f"{prefix}PCI-MSIX" if msis else None
    ecap = b"f00f4a" if remapping else b"f00f42"
    entries = _base("x86_64", release, (override, iommufd), cmdline)
    unit = "dmar0" if vendor == "intel" else "ivhd0"
    home = f"/sys/devices/virtual/iommu/{unit}"
    entries |= _iommu_class(unit, home)
    if vendor == "intel":
        entries |= {
            f"{home}/intel-iommu/address": b"fed90000\n",
            f"{home}/intel-iommu/cap": b"80d2008c222f0606\n",
            f"{home}/intel-iommu/ecap": ecap + b"\n",
        }
    else:
        entries |= {
            f"{home}/amd-iommu/cap": b"1f03000f\n",
            f"{home}/amd-iommu/features": b"29d3:0\n",
        }
    wired = f"{prefix}IO-APIC".encode()
    entries |= {
        "/sys/kernel/irq/0/chip_name": wired + b"\n",
        "/sys/kernel/irq/1/chip_name": wired + b"\n",
        "/proc/interrupts": _proc_interrupts(wired),
    }
    _add_groups(entries, _groups(groups, chip), home, _X86_REGIONS, dated=_dated(release, (6, 2)))
    return entries


def arm_host(
    groups: int | Groups = 4,
    *,
    controller: str | None = "ITS",
    override: bool | None = False,
    iommufd: bool | None = None,
    release: str = "6.12.0-arm64",
    msis: bool = True,
    cmdline: bytes = b"",
) -> dict[str, Entry]:
    """An Arm host with an SMMUv3.

    `controller` is the chip's prefix: "ITS", "GICv2m", "MBI" or None. Up to v6.10 the chips have
    the old names, "ITS-MSI" and "MSI".
    """
    dated = _dated(release, (6, 11))
    new = f"{controller}-PCI-MSIX"
    old = "ITS-MSI" if controller == "ITS" else "MSI"
    chip = (new if dated else old) if msis and controller else None
    entries = _base("aarch64", release, (override, iommufd), cmdline)
    unit = "smmu3.0x0000000009050000"
    home = f"/sys/devices/platform/arm-smmu-v3.0.auto/iommu/{unit}"
    entries |= _iommu_class(unit, home)
    entries |= {
        "/sys/kernel/irq/1/chip_name": b"GICv3\n",
        "/proc/interrupts": _proc_interrupts(b"GICv3"),
        "/sys/firmware/acpi/tables": None,  # hidden, as in a container
    }
    _add_groups(entries, _groups(groups, chip), home, _ARM_REGIONS, dated=dated)
    return entries


def _base(
    arch: str, release: str, overrides: tuple[bool | None, bool | None], cmdline: bytes
) -> dict[str, Entry]:
    entries: dict[str, Entry] = {
        "/proc/sys/kernel/osrelease": release.encode() + b"\n",
        "/proc/sys/kernel/arch": arch.encode() + b"\n",
        "/proc/cmdline": b"BOOT_IMAGE=/vmlinuz root=/dev/vda1 " + cmdline + b"\n",
        "/proc/kallsyms": _kallsyms(release),
        f"/boot/config-{release}": _CONFIG % (b"n" if overrides[1] is None else b"m"),
    }
    for module, value in zip(("vfio_iommu_type1", "iommufd"), overrides, strict=True):
        if value is not None:
            path = f"/sys/module/{module}/parameters/allow_unsafe_interrupts"
            entries[path] = b"Y\n" if value else b"N\n"
    return entries


def _kallsyms(release: str) -> bytes:
    names = [b"iommu_group_get"]
    if _dated(release, (6, 3)):
        names += [b"iommu_group_has_isolated_msi", b"msi_device_has_isolated_msi"]
    elif _dated(release, (4, 11)):
        names += [b"irq_domain_check_msi_remap"]
    return b"".join(b"0000000000000000 T %s\n" % name for name in names)


def _dated(release: str, since: tuple[int, int]) -> bool:
    major, minor = release.split(".")[:2]
    return (int(major), int(minor)) >= since


def _proc_interrupts(chip: bytes) -> bytes:
    name = chip.ljust(10)
    return (
        b"            CPU0       CPU1\n"
        b"   1:          9          0   %s    1-edge      i8042\n"
        b"   9:          0          0   %s    9-fasteoi   acpi\n"
        b" NMI:          0          0   Non-maskable interrupts\n" % (name, name)
    )


def _iommu_class(unit: str, home: str) -> dict[str, Entry]:
    return {
        f"/sys/class/iommu/{unit}": Link("../.." + home.removeprefix("/sys")),
        f"{home}/devices": None,
    }


def _groups(groups: int | Groups, chip: str | None) -> dict[int, list[Function]]:
    if isinstance(groups, int):
        groups = {number: [f"0000:{number + 1:02x}:00.0"] for number in range(groups)}
    return {
        number: [m if isinstance(m, Function) else Function(m, chip) for m in members]
        for number, members in groups.items()
    }


def _add_groups(
    entries: dict[str, Entry],
    groups: dict[int, list[Function]],
    unit: str,
    regions: bytes,
    *,
    dated: bool,
) -> None:
    irq = 24
    for number, members in groups.items():
        home = f"/sys/kernel/iommu_groups/{number}"
        entries[f"{home}/type"] = b"DMA\n"
        entries[f"{home}/reserved_regions"] = regions
        for member in members:
            entries |= device_directory(member, irq, dated=dated)
            entries |= link_device(member, number, unit)
            irq += member.vectors
