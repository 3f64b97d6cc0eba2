"""One device of a synthetic host: its directory in sysfs, and the links that lead to it."""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.kernel.devices import is_pci
from vfioguard.root.memory import Entry, Link

#: A type 0 header with a capability list that holds MSI-X at 0x40, and one that holds nothing.
CONFIG_WITH_MSI = (
    b"\x86\x80\xd3\x10\x07\x04\x10\x00" + bytes(44) + b"\x40" + bytes(11) + b"\x11\x00" + bytes(190)
)
CONFIG_WITHOUT_MSI = b"\x86\x80\xd3\x10\x07\x04\x00\x00" + bytes(248)


class Function(NamedTuple):
    """A device. `chip` is the bare chip name of its MSIs, None where it shows none.

    `below` are the bridges above it, from the root bus down: ("0000:00:1c.0",).
    """

    name: str
    chip: str | None = None
    driver: str | None = "e1000e"
    pci_class: int = 0x020000
    vectors: int = 2
    config: bytes = CONFIG_WITH_MSI
    awake: bool = True
    bus: str = "pci"
    below: tuple[str, ...] = ()


def home(function: Function) -> str:
    """Its directory below /sys/devices."""
    if is_pci(function.name):
        way = (*function.below, function.name)
        return f"/sys/devices/pci{way[0][:7]}/{'/'.join(way)}"
    return f"/sys/devices/platform/{function.name}"


def device_directory(function: Function, irq: int, *, dated: bool) -> dict[str, Entry]:
    """Its files; `irq` is its first vector, `dated`: chip names carry the device."""
    at = home(function)
    if not is_pci(function.name):
        driver = b"" if function.driver is None else b"DRIVER=%s\n" % function.driver.encode()
        bus = "platform" if function.bus == "pci" else function.bus
        return {
            f"{at}/uevent": driver + b"MODALIAS=acpi:\n",
            f"{at}/subsystem": Link(f"../../../bus/{bus}"),
            f"/sys/bus/{bus}": None,
        }
    uevent = b"PCI_CLASS=%X\nPCI_ID=8086:10D3\n" % function.pci_class
    if function.driver is not None:
        uevent = b"DRIVER=%s\n" % function.driver.encode() + uevent
    entries: dict[str, Entry] = {
        f"{at}/uevent": uevent,
        f"{at}/config": function.config,
        f"{at}/power/runtime_status": b"active\n" if function.awake else b"suspended\n",
        f"{at}/subsystem": Link("../../../bus/pci"),
        f"/sys/bus/pci/devices/{function.name}": Link(f"../../../{at.removeprefix('/sys/')}"),
    }
    if function.chip is not None:
        chip = f"{function.chip}-{function.name}" if dated else function.chip.replace("MSIX", "MSI")
        for number in range(irq, irq + function.vectors):
            entries[f"{at}/msi_irqs/{number}"] = b"msix\n"
            entries[f"/sys/kernel/irq/{number}/chip_name"] = chip.encode() + b"\n"
    return entries


def link_device(function: Function, group: int, unit: str) -> dict[str, Entry]:
    """Its group's and its IOMMU's links, both ways; `unit` is the IOMMU's directory."""
    at = home(function)
    up = "../" * (unit.count("/"))
    return {
        f"{at}/iommu_group": Link("../" * (at.count("/") - 1) + f"kernel/iommu_groups/{group}"),
        f"/sys/kernel/iommu_groups/{group}/devices/{function.name}": Link(
            f"../../../..{at.removeprefix('/sys')}"
        ),
        f"{unit}/devices/{function.name}": Link(f"{up}{at.removeprefix('/sys/')}"),
    }
