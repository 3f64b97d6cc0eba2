"""The function is the IOMMU itself, which nothing translates.

Change for a missing group: nothing.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import instances
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport

_IOMMU = 0x0806  # PCI Code and ID Assignment: base system peripheral, IOMMU


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if device is None or not _is_one(host, device):
        return None
    return Caused(
        sentence=f"{device.name} is an IOMMU itself: it is in no group, and cannot be given away.",
        rule="drivers/iommu/amd/ and drivers/acpi/viot.c viot_dev_iommu_init(); all kernels",
        because=ask(
            f"{device.name} is another device than an IOMMU", device.uevent, lambda _: False
        ),
        change=(),
        helps=False,
    )


def _is_one(host: Host, device: Device) -> bool:
    units = instances(host.snapshot.iommus)
    if isinstance(units, Fact) and any(unit.name == device.name for unit in units.value):
        return True
    kind = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    return kind is not None and kind >> 8 == _IOMMU


CAUSE = Cause("iommu_itself", _applies, CHOSEN)
