"""Builds of the kernel that refuse attaches by a fault of their own, which later builds mend."""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.snapshot import Snapshot

#: Proxmox's builds that resume a function before a guest gets it, and set up runtime power
#: management only for functions that have the capability of it:
#: https://github.com/strongtz/i915-sriov-dkms/issues/321 and 322.
_RESUME = frozenset({"6.8.12-12-pve", "6.14.8-1-pve", "6.14.8-1-bpo12-pve"})


def resumes_in_vain(snapshot: Snapshot) -> Fact[Release] | None:
    """The release, if this build does not open functions without power management; else None."""
    release = snapshot.kernel.release
    if isinstance(release, Fact) and release.value.text in _RESUME:
        return release
    return None
