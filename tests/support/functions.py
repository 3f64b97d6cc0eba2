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
    """A device. `chip` is the chip's name of its MSIs without the device, or None if it has no MSI.

    `below` are the bridges above the device, from the root bus down: ("0000:00:1c.0",).
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
    """The function's directory below /sys/devices."""
    if is_pci(function.name):
        way = (*function.below, function.name)
        return f"/sys/devices/pci{way[0][:7]}/{'/'.join(way)}"
    return f"/sys/devices/platform/{function.name}"


def device_directory(function: Function, irq: int, *, dated: bool) -> dict[str, Entry]:
    """The function's files. `irq` is its first vector; if `dated`, chip names carry the device."""
    place = home(function)
    if not is_pci(function.name):
        driver = b"" if function.driver is None else b"DRIVER=%s\n" % function.driver.encode()
        bus = "platform" if function.bus == "pci" else function.bus
        return {
            f"{place}/uevent": driver + b"MODALIAS=acpi:\n",
            f"{place}/subsystem": Link(f"../../../bus/{bus}"),
            f"/sys/bus/{bus}": None,
        }
    uevent = b"PCI_CLASS=%X\nPCI_ID=8086:10D3\n" % function.pci_class
    if function.driver is not None:
        uevent = b"DRIVER=%s\n" % function.driver.encode() + uevent
    entries: dict[str, Entry] = {
        f"{place}/uevent": uevent,
        f"{place}/config": function.config,
        f"{place}/power/runtime_status": b"active\n" if function.awake else b"suspended\n",
        f"{place}/subsystem": Link("../../../bus/pci"),
        f"/sys/bus/pci/devices/{function.name}": Link(f"../../../{place.removeprefix('/sys/')}"),
    }
    if function.chip is not None:
        chip = f"{function.chip}-{function.name}" if dated else function.chip.replace("MSIX", "MSI")
        for number in range(irq, irq + function.vectors):
            entries[f"{place}/msi_irqs/{number}"] = b"msix\n"
            entries[f"/sys/kernel/irq/{number}/chip_name"] = chip.encode() + b"\n"
    return entries


def link_device(function: Function, group: int, unit: str) -> dict[str, Entry]:
    """The links between function, group and IOMMU, both ways; `unit` is the IOMMU's directory."""
    place = home(function)
    up = "../" * (unit.count("/"))
    return {
        f"{place}/iommu": Link("../" * (place.count("/") - 1) + unit.removeprefix("/sys/")),
        f"{place}/iommu_group": Link(
            "../" * (place.count("/") - 1) + f"kernel/iommu_groups/{group}"
        ),
        f"/sys/kernel/iommu_groups/{group}/devices/{function.name}": Link(
            f"../../../..{place.removeprefix('/sys')}"
        ),
        f"{unit}/devices/{function.name}": Link(f"{up}{place.removeprefix('/sys/')}"),
    }
