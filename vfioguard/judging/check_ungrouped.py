"""The answer for a function that is in no IOMMU group."""

from __future__ import annotations

from vfioguard.attach import (
    BIND,
    GET_DEVICE_FD,
    OPEN,
    SET_IOMMU,
    Attach,
    Blocker,
    Call,
    How,
    OneBackend,
)
from vfioguard.blocker import bind_errno
from vfioguard.fact import Fact
from vfioguard.inference import borders, drivers, exempt
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.logic import Answer
from vfioguard.report import UngroupedDevice


def answer(
    host: Host, known: Device, device: UngroupedDevice, backend: str, how: How
) -> OneBackend:
    """The answer for a function through a backend. `known` is the same function as it was read."""
    if how.now and not drivers.on_vfio(device.driver):
        return _refused(known, device, "ENOENT", OPEN)
    if device.forecast is not None and not how.interrupts:
        return OneBackend(device.forecast)
    itself = _is_amd_iommu(known)
    if device.binds is None and not itself:
        return OneBackend(Attach.UNKNOWN)
    if not device.binds or itself:
        errno = _busy(host) if itself else bind_errno(host, "EINVAL")
        return _refused(known, device, errno, BIND)
    if backend != "iommufd":
        return _refused(known, device, "ENODEV", SET_IOMMU)
    takes = exempt.iommufd_takes_noiommu(host.snapshot).truth
    if takes is False:
        return _refused(known, device, "EINVAL", GET_DEVICE_FD)
    passes = takes and not how.interrupts  # no interrupt rule is asked for such a function
    return OneBackend(Attach.BY_OVERRIDE if passes else Attach.UNKNOWN)


def _is_amd_iommu(device: Device) -> bool:
    """Whether the function is AMD's IOMMU, which is bound to nothing, whatever mode is on.

    Its class is 0806 (PCI Code and ID Assignment).
    """
    event = device.uevent
    if not isinstance(event, Fact) or event.value.pci_class is None:
        return False
    return event.value.pci_class >> 8 == 0x0806 and (event.value.pci_id or "").startswith("1022:")


def _busy(host: Host) -> str | None:
    """The errno of the bind of AMD's IOMMU. Returns None if it is not known."""
    busy = host.has(borders.AMD_IOMMU_BUSY)
    return None if busy is None else "EBUSY" if busy else "ENODEV"


def _refused(known: Device, device: UngroupedDevice, errno: str | None, call: Call) -> OneBackend:
    link = (known.group,) if not isinstance(known.group, int) else ()
    because = link if device.because is None else (device.because,)
    blocker = Blocker(
        name="no_group",
        lasting=True,
        device=device.name,
        errno=errno,
        call=call,
        because=Answer(f"{device.name} is {device.reason}", True, because),
    )
    return OneBackend(answer=Attach.NO, blockers=(blocker,), errno=errno, call=call)
