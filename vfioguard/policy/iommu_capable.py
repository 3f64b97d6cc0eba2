"""v3.6 to v4.10: the IOMMU driver of the bus reports IOMMU_CAP_INTR_REMAP.

The answer is one for the whole machine. A device without an MSI domain does not count. The SMMU
drivers of that time reported the capability as a constant, so on Arm every group was accepted. v3.6
asks `iommu_domain_has_cap()` when the container is opened, before there is a group (policy.md 1.1,
eras A0 and A). policy.md 2.1 says which drivers report the capability.
"""

from __future__ import annotations

from vfioguard.inference.borders import AMD_CAPABILITY, CHECK_MSI_REMAP, Version
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, Claim, ask, every, whichever
from vfioguard.policy import Isolated, Policy

_CLAIM = Claim("the bus has interrupt remapping", "the bus has no interrupt remapping")
_KNOWN = Claim(
    "what this kernel's drivers report is known",
    unknown="what the IOMMU drivers of this kernel report is not known",
)
#: The first and the last kernel of this era; in between, drivers changed what they report.
_FIRST, _LAST = Version(3, 6), Version(4, 10)


def _isolated(host: Host) -> Isolated:
    answer = _capability(host)
    return lambda _members: answer


def _capability(host: Host) -> Answer:
    """The capability as the running kernel's drivers report it.

    A newer kernel is judged as the last kernel of this era would be.
    """
    last = host.capability(_LAST)
    if host.has(CHECK_MSI_REMAP) or host.has(AMD_CAPABILITY):
        return every(_CLAIM, (last,))
    known = ask(_KNOWN, host.snapshot.kernel.release, _nobody)
    return whichever(_CLAIM, (host.capability(_FIRST), last), known)


def _nobody(_release: Release) -> None:
    return None


def _carried(host: Host) -> Answer:
    return host.decides_by(Predicate.IOMMU_CAPABLE)


POLICY = Policy(
    name=Predicate.IOMMU_CAPABLE,
    backend="type1",
    kernels="v3.6 to v4.10",
    summary="the IOMMU driver says that it remaps interrupts, for the whole machine",
    source="drivers/vfio/vfio_iommu_type1.c, vfio_iommu_type1_attach_group() "
    "(v3.6: vfio_iommu_type1_open(), iommu_domain_has_cap())",
    carried=_carried,
    isolated=_isolated,
)
