"""How makers call the switch of the IOMMU in their firmware's setup.

Only names that a manual or a management interface shows: Supermicro X11DDW-L manual (page 93), MSI
MS-91E2 manual (3-13), the attributes of HPE's iLO and Dell's iDRAC. Others get the common names.
"""

from __future__ import annotations

from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.report import Step

#: Beginning of DMI's vendor, in capitals -> how it calls Intel's and AMD's switch, or None.
_MAKERS: dict[str, tuple[str, str | None]] = {
    "SUPERMICRO": ("Intel VT for Directed I/O (VT-d)", None),
    "MICRO-STAR": ("Intel(R) VT-d", None),
    "HPE": ("Intel VT-d (BIOS attribute IntelProcVtd)", "BIOS attribute ProcAmdIoVt"),
    "HEWLETT PACKARD ENTERPRISE": (
        "Intel VT-d (BIOS attribute IntelProcVtd)",
        "BIOS attribute ProcAmdIoVt",
    ),
    "DELL": (
        "Virtualization Technology (BIOS attribute ProcVirtualization)",
        "Virtualization Technology (BIOS attribute ProcVirtualization), and IOMMU",
    ),
    "ASUS": ("VT-d, or System Agent Configuration: VT-d", None),
}
_INTEL = "VT-d, or Intel Virtualization Technology for Directed I/O"
_AMD = "IOMMU, or AMD-Vi"
_EITHER = "VT-d (Intel), or IOMMU (AMD)"


def enable(host: Host) -> Step:
    """The step that switches the IOMMU of an x86 on in the firmware's setup."""
    item = _item(host)
    return Step(
        "Enable the IOMMU in the firmware's setup (not Auto), save, and power off and on.",
        f"firmware setup: {item}",
    )


def _item(host: Host) -> str:
    maker = no_group.maker(host)
    site = host.snapshot.site
    machine = site.machine if site is not None else None
    vendor = machine.value.vendor.upper() if isinstance(machine, Fact) else ""
    own = next((names for start, names in _MAKERS.items() if vendor.startswith(start)), None)
    intel, amd = own or (_INTEL, None)
    if maker == no_group.INTEL:
        return intel
    if maker in no_group.AMD:
        return amd or _AMD
    return _EITHER
