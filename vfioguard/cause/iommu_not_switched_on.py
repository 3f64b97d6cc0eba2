"""Intel's IOMMU is there, and nothing switches it on: this kernel leaves it off by default.

Change for a missing group: add `intel_iommu=on`, and reboot.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask, every
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    dmar, words = host.snapshot.acpi.dmar, no_group.words(host)
    if not isinstance(dmar, Fact) or no_group.option(host, "INTEL_IOMMU") == "n":
        return None
    chosen = any(choice.startswith(("on", "off")) for choice in no_group.choices(host))
    # Another cause speaks of amd_iommu=on, which is meant to switch it on.
    if chosen or no_group.wanted(host) is True or "amd_iommu=on" in words:
        return None
    claim = "the command line or the kernel's default switches the IOMMU on"
    parts = (
        no_group.none_shown(host),
        ask(claim, host.snapshot.kernel.cmdline, lambda _: False),
    )
    return Caused(
        sentence="The IOMMU is left off: firmware offers it, and intel_iommu=on is missing.",
        rule=(
            "drivers/iommu/intel/iommu.c dmar_disabled, unless CONFIG_INTEL_IOMMU_DEFAULT_ON; "
            "all kernels"
        ),
        because=every("the IOMMU that the DMAR names is in use", parts),
        change=(edit(host, add=("intel_iommu=on",)),),
    )


CAUSE = Cause("iommu_not_switched_on", _applies)
