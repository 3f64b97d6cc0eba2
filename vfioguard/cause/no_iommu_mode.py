"""The group is one of VFIO's no-IOMMU mode: nothing translates it, and type1 does not take it.

Change on every architecture: turn on the IOMMU, and the mode off.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.inference import exempt
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(_: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    settled = None if group is None or members is None else exempt.by_kind(members)
    if members is None or settled is None or settled.truth is not None:
        return None
    if not members.group.noiommu:
        return None
    return Caused(
        sentence="No IOMMU translates this group: VFIO made it in no-IOMMU mode.",
        rule="drivers/vfio/vfio_iommu_type1.c, drivers/vfio/container.c vfio_iommu_driver_allowed()"
        ": type1 answers ENODEV; since v4.5",
        because=settled,
        change=(
            Step(
                "Turn an IOMMU on, in the firmware's setup (or in a guest's virtual machine) and "
                "in the kernel, and reboot."
            ),
            Step(
                "Then turn the mode off, which gives guests access to all memory.",
                "vfio.enable_unsafe_noiommu_mode=0",
            ),
        ),
    )


CAUSE = Cause("no_iommu_mode", _applies)
