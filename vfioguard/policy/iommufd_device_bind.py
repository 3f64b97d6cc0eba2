"""iommufd, v6.2 and later: the test that type1 makes on the same kernel.

v6.2 to v6.4 make it at the attach, in `iommufd_device_setup_msi()`. v6.6 to v7.2 make it when a
device is bound, in `iommufd_device_bind()`, and v7.3 in `iommufd_bind_iommu()`. From v6.6 on it
comes before the ownership test. It logs nothing, so a refusal leaves no trace (policy.md 1.2).
iommufd has its own `allow_unsafe_interrupts` (policy.md 1.3).
"""

from __future__ import annotations

from vfioguard.inference.borders import Version
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, Claim, some, whichever
from vfioguard.policy import Isolated, Policy

#: The first kernel with iommufd, and the last series whose drivers report the capability.
_ITS_FIRST = Version(6, 2)
_CLAIM = Claim(
    "iommufd finds the group's MSIs isolated", "iommufd does not find the group's MSIs isolated"
)

_CARRIED = Claim(
    "this kernel decides by a predicate that iommufd shares",
    "this kernel decides by no predicate that iommufd shares",
)


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
        _CARRIED,
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
