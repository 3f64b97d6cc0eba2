"""`amd_iommu=on` on an Intel machine does nothing: `intel_iommu=on` is meant.

Change for a missing group: replace it by `intel_iommu=on`, and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    mistaken = "amd_iommu=on" in no_group.words(host)
    if not mistaken or no_group.maker(host) != no_group.INTEL or no_group.wanted(host) is True:
        return None
    return Caused(
        sentence="No IOMMU is in use: amd_iommu=on does nothing on an Intel machine.",
        rule="drivers/iommu/intel/iommu.c intel_iommu_setup() reads intel_iommu= alone",
        because=ask(
            "the command line switches Intel's IOMMU on",
            host.snapshot.kernel.cmdline,
            lambda _: False,
        ),
        change=(edit(host, add=("intel_iommu=on",), remove=("amd_iommu=on",)),),
    )


CAUSE = Cause("amd_iommu_on_intel", _applies, CHOSEN)
