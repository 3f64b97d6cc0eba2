"""Xen keeps the IOMMU for itself, so that VFIO has none in any of its domains.

Change for a missing group: use xen-pciback in dom0; VFIO cannot be used.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, virtual.XEN)
    if below is None:
        return None
    return Caused(
        sentence="Xen owns the IOMMU and hides it from Linux: VFIO cannot be used here.",
        rule="Xen hides the IOMMU that firmware describes from its domains; all kernels",
        because=no_group.guest(below),
        change=(
            Step(
                "In dom0 let Xen pass the device on, with xen-pciback.",
                "xl pci-assignable-add ADDRESS",
            ),
            Step("Ask Xen for its IOMMU and interrupt remapping.", "xl dmesg"),
        ),
        helps=False,
    )


CAUSE = Cause("xen_owns_iommu", _applies, CHOSEN)
