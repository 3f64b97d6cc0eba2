"""Hyper-V gives its Linux guests no IOMMU.

Change for a missing group: nothing.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, virtual.HYPERV)
    if below is None:
        return None
    return Caused(
        sentence="This is a guest of Hyper-V, which gives Linux no IOMMU. No setting here helps.",
        rule="drivers/iommu/hyperv*: no driver of an IOMMU for guests, 5.10 to 7.2",
        because=no_group.guest(below),
        change=(),
        helps=False,
    )


CAUSE = Cause("hyperv_without_iommu", _applies, CHOSEN)
