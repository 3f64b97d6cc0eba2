"""IOMMU_CAP_INTR_REMAP: what iommu_capable() answers up to v6.2 (policy.md 2.1)."""

from __future__ import annotations

from vfioguard.fact import Gap
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.kernel.identity.arch import is_arm, is_s390, is_x86
from vfioguard.kernel.iommu_class import instances
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.acpi.iort import Iort

_CLAIM = Claim(
    "the IOMMU driver reports IOMMU_CAP_INTR_REMAP",
    "the IOMMU driver does not report IOMMU_CAP_INTR_REMAP",
)
_ARM_SINCE_4_11 = Claim(
    f"{_CLAIM} (Arm: no driver does since v4.11)",
    "no SMMU driver reports IOMMU_CAP_INTR_REMAP since v4.11",
)
_INTELS_OR_AMDS = Claim(
    "the IOMMUs of this host are Intel's or AMD's",
    "the IOMMUs of this host are neither Intel's nor AMD's",
)
_AMD_BEFORE_4_9 = Claim(
    "amd-iommu reports it before v4.9",
    unknown="what amd-iommu reported before v4.9 is not known",
)


def intr_remap(snapshot: Snapshot, remapping: Answer, version: Version) -> Answer:
    """Whether the IOMMU driver of `version` says that it remaps interrupts."""
    arch = snapshot.kernel.arch
    claim = _CLAIM
    if isinstance(arch, Gap):
        return ask(claim, arch, lambda _: None)
    if is_x86(arch):
        return every(claim, (remapping, _x86_driver(snapshot, version)))
    if is_s390(arch):
        return ask(f"{claim} (s390: always)", arch, lambda _: True)
    if is_arm(arch):
        return _arm(snapshot, claim, version)
    denied = f"no IOMMU driver of {arch.value} reports IOMMU_CAP_INTR_REMAP"
    return ask(Claim(f"{claim} ({arch.value}: no driver does)", denied), arch, lambda _: False)


def _x86_driver(snapshot: Snapshot, version: Version) -> Answer:
    claim = _INTELS_OR_AMDS
    iommus = instances(snapshot.iommus)
    if isinstance(iommus, Gap):
        return ask(claim, iommus, lambda _: None)
    drivers = {unit.driver.name for unit in iommus.value if unit.driver is not None}
    if "amd" in drivers and not borders.AMD_CAPABILITY.passed(version):
        return ask(_AMD_BEFORE_4_9, iommus, lambda _: None)
    ours = any(unit.driver and unit.driver.remaps_interrupts for unit in iommus.value)
    foreign = bool(iommus.value) and not ours
    return ask(claim, iommus, lambda _: False if foreign else True if ours else None)


def _arm(snapshot: Snapshot, claim: str, version: Version) -> Answer:
    """Whether Arm's SMMUs report the capability: a constant until irqchips took over (v4.11)."""
    if borders.SMMU_CLAIMS_NOTHING.passed(version):
        return ask(_ARM_SINCE_4_11, snapshot.kernel.arch, _never)
    iommus = instances(snapshot.iommus)
    if isinstance(iommus, Gap):
        return ask(claim, iommus, lambda _: None)
    if iommus.value:
        known = [unit.driver for unit in iommus.value if unit.driver is not None]
        smmu = any(driver.capable_until is not None for driver in known)
        return ask(claim, iommus, lambda _: smmu if known else None)
    # Up to v4.10 /sys/class/iommu has no SMMUs: Linux commit 9648cbc9625b ("iommu/arm-smmu: Make
    # use of the iommu_register interface").
    from vfioguard.inference import tables  # only such kernels need a table here

    mappings = tables.iort(snapshot.acpi.iort)
    if isinstance(mappings, Gap):
        return ask(claim, mappings, lambda _: None)
    return ask(claim, mappings, lambda table: True if _has_smmu(table) else None)


def _has_smmu(table: Iort) -> bool:
    bodies = (type(node.body).__name__ for node in table.by_offset().values())
    return not {"Smmu", "SmmuV3"}.isdisjoint(bodies)


def _never(_arch: str) -> bool:
    return False
