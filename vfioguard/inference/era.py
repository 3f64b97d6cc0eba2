"""The predicate by which the running kernel decides: told by its symbols, else by its release.

The borders are mainline's (policy.md 1.1). If a vendor ships another kernel under a release's
number, the number tells only what that kernel has at least. If the kernel's own functions
contradict the number, it tells nothing.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.borders import Border, Version
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, Claim, ask
from vfioguard.snapshot import IOMMUFD, Snapshot

#: The first mainline kernel of each predicate, newest first.
SINCE = (
    (borders.ISOLATED_MSI.since, Predicate.ISOLATED_MSI),
    (borders.CHECK_MSI_REMAP.since, Predicate.CHECK_MSI_REMAP),
    ((3, 6), Predicate.IOMMU_CAPABLE),
)
_ORDER = tuple(candidate for _, candidate in SINCE)


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
    numbered = _by_number(release.value)
    if numbered is None:
        return Gap(Why.MALFORMED, release.source, f"{release.value.text} is older than VFIO")
    return Fact(numbered, release.raw, release.source)


def _by_number(release: Release) -> Predicate | None:
    return next((candidate for since, candidate in SINCE if release.version >= since), None)


def _unless_absent(told: Fact[Predicate], release: Reading[Release]) -> Reading[Predicate]:
    """The predicate that symbols tell, or a gap if their list may be cut.

    The absence of the others tells the oldest predicate, and a list that was cut lacks them too.
    """
    if told.value is not Predicate.IOMMU_CAPABLE or isinstance(release, Gap):
        return told
    if release.value.backports or release.value.version < SINCE[1][0]:
        return told
    detail = f"names no predicate of {release.value.text}; is the list cut?"
    return Gap(Why.MALFORMED, told.source, detail)


def _iommufd_belies(release: Release, snapshot: Snapshot) -> bool:
    """Whether iommufd is loaded, which no kernel of that number has."""
    loaded = isinstance(snapshot.parameter(IOMMUFD).current, Fact)
    return loaded and release.version < borders.IOMMUFD.since


def decides_by(snapshot: Snapshot, wanted: Predicate) -> Answer:
    """Whether the running kernel decides an attach by this predicate."""
    claim = Claim(f"this kernel decides by {wanted}", f"this kernel does not decide by {wanted}")
    running = predicate(snapshot)
    if isinstance(running, Gap) and _outgrown(snapshot, wanted):
        return ask(claim, snapshot.kernel.release, lambda _: False)
    return ask(claim, running, lambda value: value is wanted)


def _outgrown(snapshot: Snapshot, wanted: Predicate) -> bool:
    """Whether even the kernel that a vendor started from had a newer predicate than `wanted`."""
    release = snapshot.kernel.release
    if isinstance(release, Gap) or isinstance(snapshot.kernel.predicate, Fact):
        return False
    newer = SINCE[: _ORDER.index(wanted)]
    return any(release.value.version >= since for since, _ in newer)


def has(snapshot: Snapshot, change: Border) -> bool | None:
    """Whether the running kernel has a change; None if that is not known."""
    return change.passed(version(snapshot))


def version(snapshot: Snapshot) -> Version | None:
    """The release of kernel.org that the running kernel is, or that its vendor started from.

    Returns None if the release is not known, or is not true: the kernel has functions that were
    gone by then.
    """
    release, symbols = snapshot.kernel.release, snapshot.kernel.predicate
    if isinstance(release, Gap):
        return None
    number = release.value
    vendors = number.backports or _iommufd_belies(number, snapshot)
    counted = _by_number(number)
    if isinstance(symbols, Fact) and symbols.value is not Predicate.IOMMU_CAPABLE:
        if counted is not None and _ORDER.index(symbols.value) > _ORDER.index(counted):
            return None
        vendors = vendors or symbols.value is not counted
    major, minor = number.version
    return Version(major=major, minor=minor, sublevel=_sublevel(snapshot), backports=vendors)


def _sublevel(snapshot: Snapshot) -> int | None:
    """The sublevel of the release, or of the stable release that a distribution built from."""
    release, stable = snapshot.kernel.release, snapshot.kernel.stable
    if isinstance(release, Fact) and isinstance(stable, Fact):
        major, minor, sublevel = stable.value
        return sublevel if (major, minor) == release.value.version else None
    return release.value.sublevel if isinstance(release, Fact) else None
