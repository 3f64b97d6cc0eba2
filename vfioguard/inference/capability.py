"""IOMMU_CAP_INTR_REMAP: what iommu_capable() answers up to v6.2 (POLICY 2.1)."""

from __future__ import annotations

from vfioguard.fact import Gap
from vfioguard.inference.msi_domain import ARM, S390, X86
from vfioguard.logic import Answer, ask, every
from vfioguard.snapshot import Snapshot

#: amd-iommu reports it in v4.9 and does not in v3.6; what is between was not read.
_AMD_SINCE = (4, 9)


def intr_remap(snapshot: Snapshot, remapping: Answer, version: tuple[int, int] | None) -> Answer:
    """Whether the IOMMU driver of `version` says that it remaps interrupts; None: of today."""
    arch = snapshot.kernel.arch
    claim = "the IOMMU driver reports IOMMU_CAP_INTR_REMAP"
    if isinstance(arch, Gap):
        return ask(claim, arch, lambda _: None)
    if arch.value in X86:
        return every(claim, (remapping, _x86_driver(snapshot, version)))
    if arch.value in S390:
        return ask(f"{claim} (s390: always)", arch, lambda _: True)
    if arch.value in ARM:
        return _arm(snapshot, claim, version)
    return ask(f"{claim} ({arch.value}: no driver does)", arch, lambda _: False)


def _x86_driver(snapshot: Snapshot, version: tuple[int, int] | None) -> Answer:
    claim = "the IOMMUs of this host are Intel's or AMD's"
    iommus = snapshot.iommus
    if isinstance(iommus, Gap):
        return ask(claim, iommus, lambda _: None)
    drivers = {unit.driver.name for unit in iommus.value if unit.driver is not None}
    if version is not None and version < _AMD_SINCE and "amd" in drivers:
        since = ".".join(map(str, _AMD_SINCE))
        return ask(f"amd-iommu reports it before v{since}", iommus, lambda _: None)
    ours = any(unit.driver and unit.driver.remaps_interrupts for unit in iommus.value)
    foreign = bool(iommus.value) and not ours
    return ask(claim, iommus, lambda _: False if foreign else True if ours else None)


def _arm(snapshot: Snapshot, claim: str, version: tuple[int, int] | None) -> Answer:
    iommus = snapshot.iommus
    if isinstance(iommus, Gap):
        return ask(claim, iommus, lambda _: None)
    limits = [unit.driver.capable_until for unit in iommus.value if unit.driver is not None]
    reported = any(
        limit is not None and version is not None and version < limit for limit in limits
    )
    return ask(claim, iommus, lambda _: reported)
