"""v4.11 to v6.2: every MSI domain of the machine remaps, or the IOMMU driver says that it does.

One domain without the flag refuses every group, whether it is used or not. A machine without an MSI
domain is accepted. Up to v4.13 the domains count only if the group has a software MSI region, as
behind Arm's SMMUs. Any other group is decided by the capability alone. From v6.0 on the capability
is asked of a device of the group. That changes no answer, as x86 has one switch for the machine
(policy.md 1.1, eras C1 to C3). policy.md 4.1 says how vfioguard finds that switch.
"""

from __future__ import annotations

from vfioguard.inference.borders import CHECK_MSI_REMAP, DOMAINS_OR_CAPABILITY, Version
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.iommu_groups import Region
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim, ask, every, some, whichever
from vfioguard.policy import Isolated, Policy

_CLAIM = Claim(
    "every MSI domain of the machine isolates, or the IOMMU remaps interrupts",
    "an MSI domain of the machine does not isolate, and the IOMMU does not remap interrupts",
)
_CLAIM_BEFORE_4_14 = Claim(
    _CLAIM, "the group fails the test of MSI domains, or of remapping, that it is put to"
)
_KNOWN = Claim(
    "this kernel's form of the test is known",
    unknown="which form of the test this kernel has is not known",
)
_TRANSLATED = Claim(
    "the group has a software MSI region",
    "the group has no software MSI region",
)
_BY_DOMAINS = Claim(
    "its MSIs are translated, and every MSI domain isolates",
    "its MSIs are not translated, or an MSI domain does not isolate",
)
_BY_CAPABILITY = Claim(
    "its MSIs are not translated, but remapped", "its MSIs are translated, or not remapped"
)
_BY_BOTH = Claim("both tests are passed", "one of both tests is failed")
#: The first kernel of this era; its drivers and the later ones report the same.
_DRIVERS = Version(4, 11)
#: MSI_IOVA_BASE of the SMMU drivers: sysfs shows IOMMU_RESV_SW_MSI as type "msi" at this address.
_SW_MSI = 0x08000000


def _isolated(host: Host) -> Isolated:
    capability = host.capability(_DRIVERS)
    domains = host.all_msi_domains
    either = some(_CLAIM, (capability, domains))
    newer = host.has(DOMAINS_OR_CAPABILITY)
    if newer or host.has(CHECK_MSI_REMAP) is False:
        return lambda _members: either
    if newer is False:
        return lambda members: _before_4_14(members, domains, capability)
    known = ask(_KNOWN, host.snapshot.kernel.release, _nobody)
    return lambda members: whichever(
        _CLAIM, (either, _before_4_14(members, domains, capability)), known
    )


def _nobody(_release: Release) -> None:
    return None


def _before_4_14(members: Members, domains: Answer, capability: Answer) -> Answer:
    """`resv_msi ? domains : capability`; if the regions cannot be read, both tests must agree."""
    regions = members.group.reserved_regions
    translated = ask(_TRANSLATED, regions, _has_sw_msi)
    return some(
        _CLAIM_BEFORE_4_14,
        (
            every(_BY_DOMAINS, (translated, domains)),
            every(_BY_CAPABILITY, (~translated, capability)),
            every(_BY_BOTH, (domains, capability)),
        ),
    )


def _has_sw_msi(regions: tuple[Region, ...]) -> bool:
    return any(region.type == "msi" and region.start == _SW_MSI for region in regions)


def _carried(host: Host) -> Answer:
    return host.decides_by(Predicate.CHECK_MSI_REMAP)


POLICY = Policy(
    name=Predicate.CHECK_MSI_REMAP,
    backend="type1",
    kernels="v4.11 to v6.2",
    summary="no MSI domain of the whole machine lacks remapping, or the IOMMU has it",
    source="kernel/irq/irqdomain.c, irq_domain_check_msi_remap()",
    carried=_carried,
    isolated=_isolated,
)
