"""Which VFIO driver takes a device, and which other drivers may stay beside it in a group."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap
from vfioguard.inference import borders, era
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_arm
from vfioguard.logic import Answer, Claim, ask
from vfioguard.snapshot import Snapshot

#: Class codes of functions whose header is not of type 0: PCI-to-PCI and CardBus bridges (PCI Code
#: and ID Assignment 1.11, 1.7; include/uapi/linux/pci_regs.h PCI_HEADER_TYPE_BRIDGE, _CARDBUS).
_BRIDGES = frozenset({0x0604, 0x0607})

#: Bus -> the option of the VFIO driver that takes its devices (drivers/vfio/*/Kconfig).
_TAKES = {
    "pci": "VFIO_PCI",
    "platform": "VFIO_PLATFORM",
    "amba": "VFIO_AMBA",
    "fsl-mc": "VFIO_FSL_MC",
    "cdx": "VFIO_CDX",
}
_ON_ARM_ALONE = frozenset({"platform", "amba"})
#: The bus of mediated devices, which are made for a guest and claim no DMA.
_MEDIATED = "mdev"

#: Drivers beside VFIO's with `driver_managed_dma`, in all of drivers/ (6.1.192, 6.12.118, 7.2.13).
MANAGED_DMA = frozenset({"pci-stub", "pcieport"})


def on_vfio(driver: str | None) -> bool:
    """Whether this is a VFIO driver: vfio-pci, mlx5_vfio_pci, nvgrace-gpu-vfio-pci ..."""
    return "vfio" in (driver or "")


def is_taken(device: Device) -> bool:
    """Whether VFIO has the device: by its driver, or as a mediated device, which is made for it."""
    return device.vfio is not None or device.bus == _MEDIATED or on_vfio(device.driver)


def is_bridge(device: Device) -> bool | None:
    """Whether the function is a bridge, whose header is not of type 0. None if not known."""
    if device.bus != "pci":
        return False
    event = device.uevent
    if isinstance(event, Gap) or event.value.pci_class is None:
        return None
    return event.value.pci_class >> 8 in _BRIDGES


def can_take(snapshot: Snapshot, device: Device) -> bool | None:
    """The truth of `takes`, without its proof."""
    if is_taken(device):
        return True
    bridge = is_bridge(device)
    if bridge is not False:
        return None if bridge is None else False
    if device.bus not in _TAKES:
        return False if device.bus else None
    if not is_built(snapshot, device.bus):
        return False
    return not _is_of_arm_alone(snapshot, device)


def is_built(snapshot: Snapshot, bus: str) -> bool:
    """Whether this kernel has, or may have, the VFIO driver of a bus that has one."""
    config = snapshot.kernel.config
    return not (isinstance(config, Fact) and config.value.get(_TAKES[bus]) == "n")


def not_built(snapshot: Snapshot, device: Device) -> str | None:
    """The option that this kernel lacks for the device: "CONFIG_VFIO_PCI".

    Returns None if it has the option, or if no kernel of this architecture takes the device.
    """
    if device.bus not in _TAKES or is_bridge(device) or is_built(snapshot, device.bus):
        return None
    return None if _is_of_arm_alone(snapshot, device) else f"CONFIG_{_TAKES[device.bus]}"


def _is_of_arm_alone(snapshot: Snapshot, device: Device) -> bool:
    """Whether VFIO has a driver for the device's bus on Arm, and this is another architecture."""
    arch = snapshot.kernel.arch
    return device.bus in _ON_ARM_ALONE and isinstance(arch, Fact) and not is_arm(arch)


def takes(snapshot: Snapshot, device: Device) -> Answer:
    """Whether a VFIO driver of this kernel takes devices of this kind.

    drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device() (6.12.118): no bridges.
    drivers/vfio/platform/Kconfig: VFIO_PLATFORM and VFIO_AMBA exist on Arm alone.
    """
    claim = f"a VFIO driver takes {device.name}"
    if is_taken(device):
        return ask(claim, device.uevent, lambda _: True)
    bridge = is_bridge(device)
    if bridge is not False:
        words = f"{claim}: it is no bridge"
        unknown = f"it is not known whether {device.name} is a bridge"
        told = Claim(words, f"no VFIO driver takes {device.name}: it is a bridge", unknown)
        return ask(told, device.uevent, lambda _: None if bridge is None else False)
    if device.bus not in _TAKES:
        known = False if device.bus else None
        words = f"of the bus {device.bus!r}"
        told = Claim(f"{claim} {words}", f"no VFIO driver takes {device.name} {words}")
        return ask(told, device.uevent, lambda _: known)
    if not is_built(snapshot, device.bus):
        option = _TAKES[device.bus]
        denied = f"this kernel has no VFIO driver for {device.name} (CONFIG_{option})"
        return ask(Claim(claim, denied), snapshot.kernel.config, lambda _: False)
    arch = snapshot.kernel.arch
    if isinstance(arch, Fact) and _is_of_arm_alone(snapshot, device):
        denied = f"no VFIO driver takes {device.name} on {arch.value}"
        return ask(Claim(f"{claim} (not on {arch.value})", denied), arch, lambda _: False)
    return ask(claim, device.uevent, lambda _: True)


def spared(snapshot: Snapshot, device: Device) -> Answer:
    """Whether the device may stay as it is beside others that a guest gets.

    From v5.19 on a driver says so itself (`driver_managed_dma`, drivers/pci/pci-driver.c
    pci_dma_configure()). Before, VFIO spares pci-stub and all bridges (drivers/vfio/vfio.c
    vfio_dev_viable(), 5.10.262).
    """
    claim = f"{device.name} may stay beside devices of a guest"
    event = device.uevent
    if isinstance(event, Gap):
        return ask(claim, event, lambda _: None)
    driver = event.value.driver
    if driver is None or is_taken(device) or driver == "pci-stub":
        return ask(claim, event, lambda _: True)
    owned = era.has(snapshot, borders.DMA_OWNERSHIP)
    bridge = is_bridge(device)
    newer, older = driver in MANAGED_DMA, bridge
    spared = newer if owned else older if owned is False else newer if newer == older else None
    words = f"{claim}: {driver} is bound to it"
    if spared is not True:
        denied = f"{device.name} cannot stay beside devices of a guest: {driver} is bound to it"
        words = Claim(words, denied)
    return ask(words, event, lambda _: spared)
