"""The devices without a group: why they have none, and the outcome in a group of their own."""

from collections.abc import Iterator

from vfioguard.fact import Fact
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.kernel import iommu_class
from vfioguard.kernel.devices import Device
from vfioguard.report import UngroupedDevice
from vfioguard.verdict import Outcome

_WOULD = {
    Outcome.ALLOWED: "it would be allowed",
    Outcome.BY_OVERRIDE: "it would be allowed by the override alone",
    Outcome.REFUSED: "it would be refused",
    Outcome.UNKNOWN: "its interrupts would decide, which are not known",
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
        text = why.text
        if why.late:
            text += f"; alone in it, {_WOULD[verdicts.alone(device, -number)]}"
        yield _bare(device)._replace(binds=why.binds, reason=text, because=why.because)


def _bare(device: Device) -> UngroupedDevice:
    uevent = device.uevent.value if isinstance(device.uevent, Fact) else None
    return UngroupedDevice(
        name=device.name,
        driver=uevent.driver if uevent else None,
        pci_class=uevent.pci_class if uevent else None,
    )
