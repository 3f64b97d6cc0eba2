"""Which predicate the running kernel decides by: by its symbols, else by its release.

The boundaries are mainline's (policy.md 1.1). A number under which a vendor ships another kernel
only says what that has at least, and one that the kernel's own functions belie says nothing.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.borders import Border, Version
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, ask
from vfioguard.snapshot import IOMMUFD, Snapshot

#: The first mainline kernel of each predicate, newest first.
SINCE = (
    (borders.ISOLATED_MSI.since, Predicate.ISOLATED_MSI),
    (borders.CHECK_MSI_REMAP.since, Predicate.CHECK_MSI_REMAP),
    ((3, 6), Predicate.IOMMU_CAPABLE),
)


def predicate(snapshot: Snapshot) -> Reading[Predicate]:
    """The predicate, with the file that tells it."""
    symbols, release = snapshot.kernel.predicate, snapshot.kernel.release
    if isinstance(symbols, Fact):
        return _unless_absent(symbols, release)
    if isinstance(release, Gap):
        return release
    if release.value.backports or _iommufd_belies(release.value, snapshot):
        detail = f"{release.value.text} may carry backports, and no symbols could be read"
        return Gap(Why.MALFORMED, release.source, detail)
    found = _by_number(release.value)
    if found is None:
        return Gap(Why.MALFORMED, release.source, f"{release.value.text} is older than VFIO")
    return Fact(found, release.raw, release.source)


def _by_number(release: Release) -> Predicate | None:
    return next((found for since, found in SINCE if release.version >= since), None)


def _unless_absent(found: Fact[Predicate], release: Reading[Release]) -> Reading[Predicate]:
    """The oldest predicate is told by the absence of the others, which a cut list has too."""
    if found.value is not Predicate.IOMMU_CAPABLE or isinstance(release, Gap):
        return found
    if release.value.backports or release.value.version < SINCE[1][0]:
        return found
    detail = f"names no predicate of {release.value.text}; is the list cut?"
    return Gap(Why.MALFORMED, found.source, detail)


def _iommufd_belies(release: Release, snapshot: Snapshot) -> bool:
    """Whether iommufd is loaded, which no kernel of that number has."""
    loaded = isinstance(snapshot.parameter(IOMMUFD).current, Fact)
    return loaded and release.version < borders.IOMMUFD.since


def decides_by(snapshot: Snapshot, wanted: Predicate) -> Answer:
    """Whether the running kernel decides an attach by this predicate."""
    claim = f"this kernel decides by {wanted}"
    found = predicate(snapshot)
    if isinstance(found, Gap) and _outgrown(snapshot, wanted):
        return ask(claim, snapshot.kernel.release, lambda _: False)
    return ask(claim, found, lambda one: one is wanted)


def _outgrown(snapshot: Snapshot, wanted: Predicate) -> bool:
    """Whether even the kernel that a vendor started from had a newer one."""
    release = snapshot.kernel.release
    if isinstance(release, Gap) or isinstance(snapshot.kernel.predicate, Fact):
        return False
    newer = SINCE[: [one for _, one in SINCE].index(wanted)]
    return any(release.value.version >= since for since, _ in newer)


def has(snapshot: Snapshot, change: Border) -> bool | None:
    """Whether the running kernel has a change; None where that is not known."""
    return change.passed(version(snapshot))


def version(snapshot: Snapshot) -> Version | None:
    """The release of kernel.org that the running kernel is, or that its vendor started from.

    None where the kernel has functions that were gone by then: its number is not true.
    """
    release, symbols = snapshot.kernel.release, snapshot.kernel.predicate
    if isinstance(release, Gap):
        return None
    number, order = release.value, [one for _, one in SINCE]
    vendors = number.backports or _iommufd_belies(number, snapshot)
    counted = _by_number(number)
    if isinstance(symbols, Fact) and symbols.value is not Predicate.IOMMU_CAPABLE:
        if counted is not None and order.index(symbols.value) > order.index(counted):
            return None
        vendors = vendors or symbols.value is not counted
    return Version(*number.version, _sublevel(snapshot), vendors)


def _sublevel(snapshot: Snapshot) -> int | None:
    """Of a distribution that does not show it in the release: by what that is built from."""
    release, stable = snapshot.kernel.release, snapshot.kernel.stable
    if isinstance(release, Fact) and isinstance(stable, Fact):
        built = stable.value
        return built[2] if built[:2] == release.value.version else None
    return release.value.sublevel if isinstance(release, Fact) else None
