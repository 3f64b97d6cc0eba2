"""What the files of a synthetic host hold (hosts.py), as Linux 6.12 prints it on an Intel host."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType

RELEASE = "6.12.107+deb13-amd64"

#: (module, parameter), all of them "N".
PARAMETERS = (
    ("vfio_iommu_type1", "allow_unsafe_interrupts"),
    ("iommufd", "allow_unsafe_interrupts"),
    ("vfio", "enable_unsafe_noiommu_mode"),
)

#: iommu_group_show_resv_regions() where no RMRR names the device.
RESERVED_REGIONS = "0x00000000fee00000 0x00000000feefffff msi\n"

#: Wired interrupt -> who handles it.
WIRED: Mapping[int, str] = MappingProxyType({0: "timer", 8: "rtc0", 9: "acpi", 16: "i801_smbus"})

_CPUS = 2
CPUINFO = "".join(
    f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
    "model name\t: Intel(R) Xeon(R) Gold 6430\nflags\t\t: fpu vme de pse tsc msr pae apic vmx\n\n"
    for cpu in range(_CPUS)
)

# kind -> (PCI class, vendor, device)
_IDS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "port": (0x060400, 0x8086, 0x352A),
        "pf": (0x020000, 0x8086, 0x1592),
        "vf": (0x020000, 0x8086, 0x1889),
    }
)
_SUBSYSTEM = 0x8086, 0x0002
_CAP_MSI, _CAP_MSIX, _CAP_AT = 0x05, 0x11, 0x40


def io_apic(*, remapping: bool) -> str:
    """The chip of a wired interrupt."""
    return "IR-IO-APIC" if remapping else "IO-APIC"


def msi_chip(kind: str, name: str, *, remapping: bool) -> str:
    """msi_create_device_irq_domain(): the template's name, a dash and the device's name."""
    chip = f"PCI-{'MSI' if kind == 'port' else 'MSIX'}-{name}"
    return f"IR-{chip}" if remapping else chip


def cmdline(*, remapping: bool) -> str:
    """/proc/cmdline."""
    off = "" if remapping else " intremap=off"
    return f"BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/vda1 ro intel_iommu=on{off} quiet\n"


def registers(unit: int) -> tuple[tuple[str, str], ...]:
    """intel-iommu/*: a unit that can remap interrupts (ECAP bit 3)."""
    return (
        ("address", f"{0xFED90000 + unit * 0x1000:x}\n"),
        ("cap", "8d2078c106f0466\n"),
        ("ecap", "f020df\n"),
        ("version", "1:0\n"),
        ("domains_supported", "65536\n"),
        ("domains_used", "2048\n"),
    )


def attributes(kind: str, name: str, driver: str | None) -> tuple[tuple[str, str], ...]:
    """The text attributes of a PCI function."""
    code, vendor, device = _IDS[kind]
    subvendor, subdevice = _SUBSYSTEM
    base, sub, interface = code >> 16, code >> 8 & 0xFF, code & 0xFF
    modalias = (
        f"pci:v{vendor:08X}d{device:08X}sv{subvendor:08X}sd{subdevice:08X}"
        f"bc{base:02X}sc{sub:02X}i{interface:02X}"
    )
    uevent = (
        (f"DRIVER={driver}\n" if driver else "")
        + f"PCI_CLASS={code:X}\nPCI_ID={vendor:04X}:{device:04X}\n"
        + f"PCI_SUBSYS_ID={subvendor:04X}:{subdevice:04X}\nPCI_SLOT_NAME={name}\n"
        + f"MODALIAS={modalias}\n"
    )
    return (
        ("class", f"0x{code:06x}\n"),
        ("device", f"0x{device:04x}\n"),
        ("irq", "0\n"),
        ("modalias", f"{modalias}\n"),
        ("resource", "0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 7),
        ("revision", "0x02\n"),
        ("subsystem_device", f"0x{subdevice:04x}\n"),
        ("subsystem_vendor", f"0x{subvendor:04x}\n"),
        ("uevent", uevent),
        ("vendor", f"0x{vendor:04x}\n"),
    )


def config_space(kind: str, bus: int) -> bytes:
    """256 bytes of configuration space with one capability; a VF has no identity of its own."""
    code, vendor, device = (0x020000, 0xFFFF, 0xFFFF) if kind == "vf" else _IDS[kind]
    space = bytearray(256)
    space[0:2], space[2:4] = vendor.to_bytes(2, "little"), device.to_bytes(2, "little")
    space[0x06] = 0x10  # PCI_STATUS_CAP_LIST
    space[0x08] = 0x02
    space[0x09:0x0C] = code.to_bytes(3, "little")
    space[0x34] = _CAP_AT
    if kind == "port":
        space[0x0E] = 0x01  # PCI_HEADER_TYPE_BRIDGE
        space[0x19] = space[0x1A] = bus  # secondary, subordinate
        space[_CAP_AT] = _CAP_MSI
    else:
        space[0x2C:0x2E] = _SUBSYSTEM[0].to_bytes(2, "little")
        space[0x2E:0x30] = _SUBSYSTEM[1].to_bytes(2, "little")
        space[_CAP_AT] = _CAP_MSIX
    return bytes(space)


def interrupt(number: int, chip: str, hwirq: str, action: str) -> str:
    """One line of /proc/interrupts."""
    counts = "".join(f"{0:>11}" for _ in range(_CPUS))
    return f"{number:>4}:{counts}  {chip}  {hwirq:>4}      {action}\n"


def interrupts(msis: list[str], *, remapping: bool) -> str:
    """/proc/interrupts: the wired ones, then the MSIs."""
    chip = io_apic(remapping=remapping)
    wired = [
        interrupt(number, chip, f"{number}-{'fasteoi' if number > 8 else 'edge'}", action)
        for number, action in WIRED.items()
    ]
    header = " " * 5 + "".join(f"       CPU{cpu}" for cpu in range(_CPUS)) + "\n"
    return "".join([header, *wired, *msis])


def btf() -> bytes:
    """As large as a distribution's BTF (5 MiB): a header, types (mostly zeros), then the names.

    Among them is the predicate of every kernel since v6.3, where a real one has it: near the end.
    """
    types = b"".join(
        (at * 37).to_bytes(4, "little") + (at % 20 << 24).to_bytes(4, "little") + bytes(4)
        for at in range(4096)
    )
    names = b"".join(b"\0some_kernel_function_%05d" % at for at in range(8192))
    types *= 64
    names = names * 6 + b"\0iommu_group_has_isolated_msi\0" + names * 4
    # struct btf_header, include/uapi/linux/btf.h
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names))
    return header + types + names


def kernel_config() -> str:
    """As large as a distribution's (260 kB); what decides is behind most of it."""
    filler = "".join(f"# CONFIG_FILLER_OPTION_{n:05} is not set\n" for n in range(6000))
    built = (
        "CONFIG_IOMMUFD=m\nCONFIG_IOMMUFD_VFIO_CONTAINER=n\nCONFIG_IRQ_REMAP=y\nCONFIG_PCI_MSI=y\n"
        "CONFIG_VFIO=m\nCONFIG_VFIO_CONTAINER=y\nCONFIG_VFIO_IOMMU_TYPE1=m\nCONFIG_VFIO_NOIOMMU=y\n"
        "CONFIG_PROC_FS=y\n# CONFIG_VFIO_DEVICE_CDEV is not set\n"
    )
    return filler + built
