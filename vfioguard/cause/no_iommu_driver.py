"""Linux has no driver for an IOMMU of this architecture.

Change for a missing group: nothing in mainline.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step

#: Architectures for which drivers/iommu/ of 5.10 to 7.2 has no driver.
_WITHOUT = {"loongarch64": "LoongArch", "loongarch32": "LoongArch"}
_VENDOR = Step(
    "A kernel of the vendor may have one, with firmware from May 2023 on.",
    "https://github.com/loongson/Firmware/issues/51",
)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.none_in_use(host, group, members) else None


def _caused(host: Host) -> Caused | None:
    arch = host.snapshot.kernel.arch
    if not isinstance(arch, Fact) or arch.value not in _WITHOUT:
        return None
    name = _WITHOUT[arch.value]
    guest = virtual.hypervisor(host) is not None
    useless = " No setting helps." if guest else ""
    return Caused(
        sentence=f"Linux has no IOMMU driver for {name}: VFIO cannot be used here.{useless}",
        rule=f"drivers/iommu/ of 5.10 to 7.2 has none for {name}",
        because=ask("Linux drives an IOMMU of this architecture", arch, lambda _: False),
        change=() if guest else (_VENDOR,),
        helps=False,
    )


CAUSE = Cause("no_iommu_driver", _applies, FOUND)
