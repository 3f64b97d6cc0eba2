"""The facts of devices with what is inferred: whether their IOMMU keeps caches coherent."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.device_facts import DeviceFacts
from vfioguard.inference.host import Host
from vfioguard.kernel.members import every_device
from vfioguard.snapshot import Snapshot


def described(
    snapshot: Snapshot, facts: Mapping[str, DeviceFacts], host: Host | None = None
) -> dict[str, DeviceFacts]:
    """The `facts` of devices, with `coherent` for those in the Snapshot.

    `host` has what is inferred already, if anything is.
    """
    host = host or Host(snapshot)
    every = every_device(snapshot.groups, snapshot.devices)
    devices = {device.name: device for device in every if device.name in facts}
    return {
        name: own._replace(coherent=host.coherent(devices[name]).truth) if name in devices else own
        for name, own in facts.items()
    }
