"""`intel_iommu=relax_rmrr`: Proxmox's kernels then give up the memory of every RMRR.

proxmox/pve-kernel patches/kernel/0009-allow-opt-in-to-allow-pass-through-on-broken-hardwar.patch:
device_rmrr_is_relaxable() is true for every PCI function, so the kernel lists "direct-relaxable".
debian/changelog: "fix #4707: add override parameter for RMRR relaxation" (6.2.16-13). It adapts
https://github.com/kiler129/relax-intel-rmrr, whose own builds end in "-pve-relaxablermrr". No
release of kernel.org knows the word (6.1, 6.12 drivers/iommu/intel/iommu.c intel_iommu_setup()).
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact
from vfioguard.snapshot import Snapshot

CHOICE = "relax_rmrr"
WORD = f"intel_iommu={CHOICE}"
_BUILD = re.compile(r"(\d+)\.(\d+)\.(\d+)-(\d+)(?:-bpo\d+)?-pve")
_OTHERS = "-relaxablermrr"
_SINCE = (6, 2, 16, 13)


def is_known(snapshot: Snapshot) -> bool:
    """Whether this kernel is of a build that knows the word."""
    release = snapshot.kernel.release
    text = release.value.text if isinstance(release, Fact) else ""
    build = _BUILD.fullmatch(text)
    if build is None:
        return text.endswith(_OTHERS)
    return tuple(map(int, build.groups())) >= _SINCE


def is_asked(snapshot: Snapshot) -> bool:
    """Whether the command line has the word; intel_iommu_setup() compares its beginning."""
    options = snapshot.kernel.cmdline
    for word in options.value if isinstance(options, Fact) else ():
        name, _, value = word.partition("=")
        if name == "intel_iommu" and any(c.startswith(CHOICE) for c in value.split(",")):
            return True
    return False
