"""iommufd, v6.2 and later: the same question as type1's, asked when a device is bound.

drivers/iommu/iommufd/device.c iommufd_device_setup_msi() (v6.2 to v6.4), iommufd_device_bind()
(v6.6 to v7.2), iommufd_bind_iommu() (v7.3). From v6.6 on the test comes before the ownership test
and logs nothing, so a refusal leaves no trace.
"""

from __future__ import annotations

from vfioguard.inference.borders import Version
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, some, whichever
from vfioguard.policy import Isolated, Policy

#: The first kernel with iommufd, and the last series whose drivers report the capability.
_ITS_FIRST = Version(6, 2)
_CLAIM = "iommufd finds the group's MSIs isolated"


def _isolated(host: Host) -> Isolated:
    newer = host.decides_by(Predicate.ISOLATED_MSI)
    if newer.truth is True:
        return host.every_member
    machine = some(_CLAIM, (host.capability(_ITS_FIRST), host.all_msi_domains))
    if newer.truth is False:
        return lambda _members: machine
    return lambda members: whichever(_CLAIM, (host.every_member(members), machine), newer)


def _carried(host: Host) -> Answer:
    return some(
        "this kernel decides by a predicate that iommufd shares",
        (host.decides_by(Predicate.ISOLATED_MSI), host.decides_by(Predicate.CHECK_MSI_REMAP)),
    )


POLICY = Policy(
    name="iommufd_device_bind",
    backend="iommufd",
    kernels="v6.2 and later",
    summary="type1's test of the same kernel, with iommufd's own parameter",
    source="drivers/iommu/iommufd/device.c, iommufd_device_bind() (v7.3: iommufd_bind_iommu())",
    carried=_carried,
    isolated=_isolated,
)
