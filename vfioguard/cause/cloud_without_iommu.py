"""An instance of a cloud, which gives guests no IOMMU.

Change for a missing group: nothing inside it; on EC2 an instance of bare metal.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    below = no_group.guest_without_table(host, virtual.EC2, virtual.CLOUD)
    if below is None:
        return None
    ec2 = below.name == virtual.EC2
    return Caused(
        sentence="This cloud instance has no IOMMU. No setting inside it helps.",
        rule=no_group.GUEST,
        because=no_group.guest(below),
        change=(Step("Use an instance of bare metal (*.metal)."),) if ec2 else (),
        helps=False,
    )


CAUSE = Cause("cloud_without_iommu", _applies, FOUND)
