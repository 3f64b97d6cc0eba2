"""What a device is, beside what decides. No verdict rests on it."""

from __future__ import annotations

from vfioguard.typed import NamedTuple


class DeviceFacts(NamedTuple):
    """The facts of one device. A field is None if it does not apply or is not known.

    `id` is "8086:10d3". The names are those of pci.ids, if the host has it. `port` is the bridge
    right above, `parent` the device that a mediated device is a part of. `roles` is empty if the
    host does not need the device. `cdev` is the device's node for iommufd, `iommufd` whether
    /dev/iommu is there, `coherent` whether its IOMMU keeps caches coherent. `driver_override` is
    the one driver that may take the device, "" if any may.
    """

    id: str | None
    vendor_name: str | None
    device_name: str | None
    class_name: str | None
    physical_function: str | None
    parent: str | None
    port: str | None
    numa_node: int | None
    iommu: str | None
    reset_methods: tuple[str, ...] | None
    msi_vectors: int | None
    msi_chip: str | None
    roles: tuple[str, ...] | None
    cdev: str | None
    iommufd: bool | None = None
    coherent: bool | None = None
    driver_override: str | None = None

    @property
    def iommufd_complete(self) -> bool | None:
        """Whether the whole way through iommufd is there now: both nodes, and coherent caches."""
        parts = (self.iommufd, self.cdev is not None, self.coherent)
        return False if False in parts else None if None in parts else True
