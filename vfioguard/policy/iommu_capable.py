"""v3.6 to v4.10: `iommu_capable(bus, IOMMU_CAP_INTR_REMAP)`, one answer for the machine.

drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_attach_group(); v3.6 asks iommu_domain_has_cap() in
vfio_iommu_type1_open(), before there is a group. On Arm the SMMU drivers of that time reported the
capability as a constant, so every group was accepted (POLICY 1.1, era A).
"""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.kernel.symbols import Predicate
from vfioguard.logic import Answer, every
from vfioguard.policy import Isolated, Policy

_LAST = (4, 10)


def _isolated(host: Host) -> Isolated:
    running = host.version
    era = running if running is not None and running <= _LAST else _LAST
    answer = every("the bus has interrupt remapping", (host.capability(era),))
    return lambda _members: answer


def _carried(host: Host) -> Answer:
    return host.decides_by(Predicate.IOMMU_CAPABLE)


POLICY = Policy(
    name=Predicate.IOMMU_CAPABLE,
    backend="type1",
    kernels="v3.6 to v4.10",
    summary="the IOMMU driver says that it remaps interrupts, for the whole machine",
    source="drivers/vfio/vfio_iommu_type1.c, vfio_iommu_type1_attach_group()",
    carried=_carried,
    isolated=_isolated,
)
