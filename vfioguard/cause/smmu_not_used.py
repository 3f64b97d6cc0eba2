"""Firmware names an IOMMU, and the kernel uses none.

Change for a missing group: read what its driver logged.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_LOOK = "dmesg | grep -i -e smmu -e iommu; grep SMMU /boot/config-$(uname -r)"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    told = not host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if told else None


def _caused(host: Host) -> Caused | None:
    named = _named(host)
    if named is None:
        return None
    return Caused(
        sentence=f"The kernel uses no IOMMU, though firmware names one ({named}).",
        rule="drivers/iommu/: its driver is not built in, not loaded, or its probe failed",
        because=no_group.none_shown(host),
        change=(Step("Read what its driver logged, and whether it is built.", _LOOK),),
    )


def _named(host: Host) -> str | None:
    if no_group.smmus(host):
        return "IORT"
    wiring = host.snapshot.wiring
    nodes = wiring.nodes if wiring is not None else None
    iommus = (
        [node for node in nodes.value.values() if node.iommu] if isinstance(nodes, Fact) else []
    )
    return next((node.path for node in iommus if node.enabled is not False), None)


CAUSE = Cause("smmu_not_used", _applies, ELSE)
