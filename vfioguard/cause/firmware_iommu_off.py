"""Firmware shows no IOMMU: it is switched off there, or the machine has none.

Change for a missing group: turn on VT-d or AMD-Vi in the firmware's setup, and power off and on.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import no_group, setup
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask, every
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    acpi = host.snapshot.acpi
    named = (("DMAR", acpi.dmar), ("IVRS", acpi.ivrs), ("VIOT", acpi.viot))
    if not all(no_group.absent(table) for _, table in named) or virtual.hypervisor(host):
        return None
    later = no_group.maker(host) == no_group.INTEL and no_group.wanted(host) is not True
    steps = (setup.enable(host), *((edit(host, add=("intel_iommu=on",)),) if later else ()))
    return Caused(
        sentence="No IOMMU is in use: firmware shows none. It is off in its setup, or not there.",
        rule="drivers/iommu/intel/dmar.c detect_intel_iommu(), amd_iommu_detect(); all kernels",
        because=every(
            "firmware names an IOMMU",
            [ask(f"firmware has a {name}", table, lambda _: False) for name, table in named],
        ),
        change=steps,
    )


CAUSE = Cause("firmware_iommu_off", _applies)
