"""The ways to attach that this kernel has: type1, iommufd, spapr_tce.

Each decides by itself, and has a parameter of its own (policy.md 1.3).
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap
from vfioguard.inference import borders, era
from vfioguard.kernel.identity.arch import ARM, S390, X86
from vfioguard.logic import Answer, ask
from vfioguard.snapshot import IOMMUFD, TYPE1, Snapshot

#: drivers/vfio/Kconfig: VFIO_IOMMU_TYPE1 can be selected only on these architectures.
_TYPE1_ARCHES = X86 | ARM | S390
_POWER = frozenset({"ppc64le", "ppc64", "ppc"})


def present(snapshot: Snapshot, backend: str) -> bool:
    """Whether to judge a backend: iommufd if it is known to exist, others unless known not to."""
    answer = exists(snapshot, backend)
    return answer.truth is True if backend == "iommufd" else answer.truth is not False


def exists(snapshot: Snapshot, backend: str) -> Answer:
    """Whether the running kernel has this way to attach."""
    if backend == "type1":
        return _exists(snapshot, TYPE1, "VFIO_IOMMU_TYPE1", _TYPE1_ARCHES)
    if backend == "iommufd":
        return _iommufd(snapshot)
    return _exists(snapshot, ("vfio_iommu_spapr_tce", ""), "VFIO_IOMMU_SPAPR_TCE", _POWER)


def _iommufd(snapshot: Snapshot) -> Answer:
    """Whether the kernel has iommufd; a loaded module is better evidence than the release."""
    if era.has(snapshot, borders.IOMMUFD) is False:
        claim = "this kernel has iommufd (v6.2 and later)"
        return ask(claim, snapshot.kernel.release, lambda _: False)
    return _exists(snapshot, IOMMUFD, "IOMMUFD", None)


def _exists(
    snapshot: Snapshot, module: tuple[str, str], option: str, arches: frozenset[str] | None
) -> Answer:
    claim = f"this kernel has {option}"
    arch = snapshot.kernel.arch
    if arches is not None and isinstance(arch, Fact) and arch.value not in arches:
        return ask(f"{claim} (not on {arch.value})", arch, lambda _: False)
    for parameter in snapshot.parameters:
        if (parameter.module, parameter.name) == module and not isinstance(parameter.current, Gap):
            return ask(claim, parameter.current, lambda _: True)
    if option != "IOMMUFD" and isinstance(snapshot.container, Fact):
        # drivers/vfio/Kconfig: VFIO_CONTAINER selects type1 on every architecture that allows it.
        provided = f"{claim}, as VFIO provides /dev/vfio/vfio"
        sure = option == "VFIO_IOMMU_TYPE1"
        return ask(provided, snapshot.container, lambda vfio: (sure or None) if vfio else False)
    return ask(claim, snapshot.kernel.config, lambda config: config[option] != "n")
