"""How a device gets its VFIO driver: ways of which one is enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vfioguard.attach import Blocker
from vfioguard.fact import Fact
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.report import Step

#: Devices beside the first that are named.
_FEW = 3
#: What to do first about a device whose driver is not known.
LOOK = Step("See as root which driver the device has.", "vfioguard explain")


def concerned(members: Members, blockers: Iterable[Blocker]) -> list[Device]:
    """The members that these blockers are about."""
    names = {blocker.device for blocker in blockers}
    return [device for device in members.devices if device.name in names]


def commands(device: Device) -> tuple[str, ...]:
    """The ways to bind a device to its VFIO driver, each complete, the lasting one first."""
    name, sysfs, driver = device.name, f"/sys/bus/{device.bus}", _driver(device)
    by_hand = [
        f"modprobe {driver}",
        f"echo {driver} > {sysfs}/devices/{name}/driver_override",
        *([f"echo {name} > {sysfs}/devices/{name}/driver/unbind"] if device.driver else []),
        f"echo {name} > {sysfs}/drivers/{driver}/bind",
    ]
    is_pci = device.bus == "pci"
    return (
        f"driverctl {'' if is_pci else f'--bus {device.bus} '}set-override {name} {driver}",
        *((f"virsh nodedev-detach pci_{name.translate(_LIBVIRT)}",) if is_pci else ()),
        " && ".join(by_hand),
    )


def to_vfio(devices: Sequence[Device]) -> tuple[Step, ...]:
    """The steps of which one binds these devices. Empty if there are none."""
    if not devices:
        return ()
    first, *rest = devices
    likewise = f" Do the same for {several([device.name for device in rest])}." if rest else ""
    for_good, *others = commands(first)
    return (
        Step(f"Bind {first.name} to {_driver(first)}, for good.{likewise}", for_good),
        *(Step("Or until the next boot.", way) for way in others),
    )


def several(devices: Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(devices) - _FEW} more" if len(devices) > _FEW else ""
    return f"{', '.join(devices[:_FEW])}{more}"


#: Classes of PCI functions that the host is likely to need: disks, networks, USB, displays. A disk
#: may be behind a USB controller, as that of /boot is on Unraid.
#: Each is what is left of the class after a shift of so many bits.
_NEEDED = ((16, 0x01), (16, 0x02), (8, 0x0C03), (16, 0x03))
_DISPLAY = 3


def likely_needed(device: Device) -> int:
    """The place of a device among those to be named: what the host may need comes first."""
    event = device.uevent
    known = event.value.pci_class if isinstance(event, Fact) else None
    if known is not None:
        for place, (shift, kind) in enumerate(_NEEDED):
            if known >> shift == kind:
                return place
    return len(_NEEDED)


def may_be_needed(device: Device) -> bool:
    """Whether the host may have a disk or its network behind the device."""
    return likely_needed(device) < _DISPLAY


def _driver(device: Device) -> str:
    """drivers/vfio/: vfio-pci, vfio-platform, vfio-amba, vfio-fsl-mc, vfio-cdx."""
    return f"vfio-{device.bus}"


#: libvirt's names of devices: "pci_0000_41_00_0".
_LIBVIRT = str.maketrans(":.", "__")
