"""The kernel was to use the IOMMU that firmware names, and uses none.

Change for a missing group: remove `nolapic`; else read what the driver logged.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport, Step

_NOLAPIC = frozenset({"nolapic", "disable_apic", "disableapic"})


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    """Without a local APIC VT-d gets no vector: "DMAR: No free IRQ vectors" (seen on 7.3.4)."""
    acpi = host.snapshot.acpi
    tables = {"DMAR": acpi.dmar, "IVRS": acpi.ivrs, "VIOT": acpi.viot}
    name = next((name for name, table in tables.items() if isinstance(table, Fact)), None)
    if name is None:
        return None
    without = tuple(word for word in no_group.words(host) if word in _NOLAPIC)
    if without:
        change = edit(host, remove=without)
    elif name == "VIOT":
        change = Step("Boot a kernel that has CONFIG_VIRTIO_IOMMU, in its image or its initramfs.")
    else:
        change = Step(
            "Read what the driver of the IOMMU logged at boot.", f"dmesg | grep {_TAG[name]}"
        )
    why = f": {without[0]} leaves it without interrupts" if without else ""
    return Caused(
        sentence=f"The kernel did not start the IOMMU that the {name} names{why}.",
        rule="intel_iommu_init(), amd_iommu_init(), viot_iommu_configure(); all kernels",
        because=no_group.none_shown(host),
        change=(change,),
    )


_TAG = {"DMAR": "DMAR", "IVRS": "AMD-Vi"}
CAUSE = Cause("iommu_not_started", _applies, ELSE)
