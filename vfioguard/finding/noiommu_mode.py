"""`enable_unsafe_noiommu_mode` is on: a function without an IOMMU can be given away.

It then reaches all memory. drivers/vfio/group.c vfio_noiommu_group_alloc(): nothing is translated,
nothing is tested, and the kernel is tainted.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    mode = host.noiommu
    if mode.truth is True:
        effect = "no-IOMMU mode: functions in no IOMMU group are given away without any isolation"
        yield Found(f"{mode.claim}: {effect}", mode)


FINDING = Finding("noiommu_mode", "warning", _find)
