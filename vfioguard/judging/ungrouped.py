"""The devices without a group: why they have none, and the outcome in a group of their own."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.attach import Attach, Attachment
from vfioguard.fact import Fact
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.kernel import iommu_class
from vfioguard.kernel.devices import Device
from vfioguard.report import UngroupedDevice

_WOULD = {
    Attach.YES: "it would be allowed",
    Attach.BY_OVERRIDE: "it would be allowed by the override alone",
    Attach.NO: "it would be refused",
    Attach.UNKNOWN: "it is not known what its interrupts decide",
}


def ungrouped(verdicts: GroupVerdicts) -> Iterator[UngroupedDevice]:
    """The devices of the host that have no group, in the order in which they were read."""
    host = verdicts.host
    devices = host.snapshot.devices
    plain = host.is_x86 and host.noiommu.truth is False and isinstance(host.snapshot.groups, Fact)
    if plain and not iommu_class.driven(host.snapshot.iommus, "virtio-iommu"):
        yield from map(_bare, devices)
        return
    from vfioguard.inference.without_group import reasons  # most hosts do not need it

    reason = reasons.reasons(host)
    for number, device in enumerate(devices, 1):
        why = reason(device)
        text, forecast = why.text, None
        if why.late:
            alone = verdicts.alone(device, -number)
            text += f"; alone in it, {_WOULD[alone.attach]}"
            forecast = _forecast(why.binds, alone)
        yield _bare(device)._replace(
            binds=why.binds, reason=text, because=why.because, forecast=forecast
        )


def _forecast(binds: bool | None, alone: Attachment) -> Attach:
    """What an attach would answer after the bind that makes the group."""
    return alone.attach if binds else Attach.NO if binds is False else Attach.UNKNOWN


def _bare(device: Device) -> UngroupedDevice:
    uevent = device.uevent.value if isinstance(device.uevent, Fact) else None
    return UngroupedDevice(
        name=device.name,
        driver=uevent.driver if uevent else None,
        pci_class=uevent.pci_class if uevent else None,
        pci_id=uevent.pci_id.lower() if uevent and uevent.pci_id else None,
    )
