"""iommufd, v6.2 and later: the same question as type1's, asked when a device is bound.

drivers/iommu/iommufd/device.c iommufd_device_bind() (v6.2 to v6.4: iommufd_device_setup_msi()).
From v6.6 it comes before the ownership test and logs nothing, so a refusal leaves no trace.
"""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.kernel.symbols import Predicate
from vfioguard.logic import Answer, every, some
from vfioguard.policy import Isolated, Policy

_CLAIM = "iommufd finds the group's MSIs isolated"


def _isolated(host: Host) -> Isolated:
    newer = host.decides_by(Predicate.ISOLATED_MSI)
    if newer.truth is True:
        return host.every_member
    if newer.truth is False:
        machine = some(_CLAIM, (host.capability((6, 2)), host.all_msi_domains))
        return lambda _members: machine
    machine = some(_CLAIM, (host.capability((6, 2)), host.all_msi_domains))
    return lambda members: _if_both_agree(newer, host.every_member(members), machine)


def _if_both_agree(newer: Answer, group: Answer, machine: Answer) -> Answer:
    """What the kernel says whichever of the two tests it carries."""
    if group.truth is machine.truth and group.truth is not None:
        return every("both tests that this kernel may carry are passed", (group, machine))
    return every("the running kernel's test is known", (newer,))


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
    source="drivers/iommu/iommufd/device.c, iommufd_device_bind()",
    carried=_carried,
    isolated=_isolated,
)
