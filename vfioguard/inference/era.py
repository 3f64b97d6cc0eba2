"""Which predicate the running kernel decides by: by its symbols, else by its release.

The boundaries are mainline's (POLICY 1.1); a release string that is known for backports decides
nothing.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.kernel.osrelease import Release
from vfioguard.kernel.symbols import Predicate
from vfioguard.logic import Answer, ask
from vfioguard.snapshot import Kernel

#: The first mainline kernel of each predicate, newest first.
SINCE = (
    ((6, 3), Predicate.ISOLATED_MSI),
    ((4, 11), Predicate.CHECK_MSI_REMAP),
    ((3, 6), Predicate.IOMMU_CAPABLE),
)


def predicate(kernel: Kernel) -> Reading[Predicate]:
    """The predicate, with the file that tells it."""
    release = kernel.release
    if isinstance(kernel.predicate, Fact):
        return _unless_absent(kernel.predicate, release)
    if isinstance(release, Gap):
        return release
    if release.value.backports:
        detail = f"{release.value.text} may carry backports, and no symbols could be read"
        return Gap(Why.MALFORMED, release.source, detail)
    for since, found in SINCE:
        if release.value.version >= since:
            return Fact(found, release.raw, release.source)
    return Gap(Why.MALFORMED, release.source, f"{release.value.text} is older than VFIO")


def _unless_absent(found: Fact[Predicate], release: Reading[Release]) -> Reading[Predicate]:
    """The oldest predicate is told by the absence of the others, which a cut list has too."""
    if found.value is not Predicate.IOMMU_CAPABLE or isinstance(release, Gap):
        return found
    if release.value.backports or release.value.version < SINCE[1][0]:
        return found
    detail = f"names no predicate of {release.value.text}; is the list cut?"
    return Gap(Why.MALFORMED, found.source, detail)


def decides_by(kernel: Kernel, wanted: Predicate) -> Answer:
    """Whether the running kernel decides an attach by this predicate."""
    claim = f"this kernel decides by {wanted}"
    return ask(claim, predicate(kernel), lambda found: found is wanted)


def version(kernel: Kernel) -> tuple[int, int] | None:
    """(major, minor) where the release string can be trusted."""
    release = kernel.release
    if isinstance(release, Gap) or release.value.backports:
        return None
    return release.value.version
