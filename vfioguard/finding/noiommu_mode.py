"""`enable_unsafe_noiommu_mode` is on: a function without an IOMMU can be given away.

It then reaches all memory. drivers/vfio/group.c vfio_noiommu_group_alloc(): nothing is translated,
nothing is tested, and the kernel is tainted.

Change: set `vfio.enable_unsafe_noiommu_mode=0`, unless every program that opens
`/dev/vfio/noiommu-N` is as trusted as root.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found, removal
from vfioguard.inference.host import Host
from vfioguard.report import Step
from vfioguard.snapshot import NOIOMMU


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    mode = host.noiommu
    if mode.truth is True:
        effect = "no-IOMMU mode: functions in no IOMMU group are given away without any isolation"
        path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
        pending = host.snapshot.parameter(NOIOMMU).pending
        step = (
            Step("Switch it off unless a guest without an IOMMU is wanted", f"echo N > {path}")
            if pending is None
            else removal(pending.source, "unless a guest without an IOMMU is wanted")
        )
        yield Found(f"{mode.claim}: {effect}", mode, (step,))


FINDING = Finding("noiommu_mode", "warning", _find)
