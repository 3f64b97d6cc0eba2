"""`amd_iommu=off`, or `iommu=off` on AMD: the whole driver is off, remapping included.

Change on x86: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import switched_off, tables, why
from vfioguard.inference.host import Host


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "amd_iommu_off")
    if part is None:
        return None
    off = part.finding.rpartition(" ")[2]
    return switched_off.caused(
        host,
        sentence=f"Interrupt remapping is off: {off} on the kernel command line.",
        rule="drivers/iommu/amd/init.c amd_iommu_detect(), parse_amd_iommu_options(); all kernels",
        remove=(off,),
    )


CAUSE = why.of_remapping("amd_iommu_off", _caused, CHOSEN)
