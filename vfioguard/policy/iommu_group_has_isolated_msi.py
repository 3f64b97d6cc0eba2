"""v6.3 and later: every device of the group has an MSI domain that isolates.

The kernel asks `msi_device_has_isolated_msi()` of every entry of the group. Bridges, ports,
functions without MSIs, devices without a driver and devices of other buses count. A device without
an MSI domain is not isolated, except on s390 (policy.md 1.1, era D). policy.md 2.1 says whose
domains isolate, policy.md 4.2 and 4.3 how vfioguard finds the domain of a device.
"""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer
from vfioguard.policy import Isolated, Policy


def _isolated(host: Host) -> Isolated:
    return host.every_member


def _carried(host: Host) -> Answer:
    return host.decides_by(Predicate.ISOLATED_MSI)


POLICY = Policy(
    name=Predicate.ISOLATED_MSI,
    backend="type1",
    kernels="v6.3 and later",
    summary="every device of the group has an MSI domain that isolates",
    source="drivers/iommu/iommu.c, iommu_group_has_isolated_msi()",
    carried=_carried,
    isolated=_isolated,
)
