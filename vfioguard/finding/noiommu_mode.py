"""`enable_unsafe_noiommu_mode` is on: a function without an IOMMU can be given away.

It then reaches all memory. drivers/vfio/group.c vfio_noiommu_group_alloc(): nothing is translated,
nothing is tested, and the kernel is tainted.

Change: set `vfio.enable_unsafe_noiommu_mode=0`, unless every program that opens
`/dev/vfio/noiommu-N` is as trusted as root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.remedy.setting import configured, removal
from vfioguard.report import GroupReport, Step
from vfioguard.snapshot import NOIOMMU

_UNLESS = "Unless a guest without an IOMMU is wanted"


def _find(host: Host, _: Sequence[GroupReport]) -> Iterator[Found]:
    mode = host.noiommu
    if mode.truth is not True:
        return
    parameter = host.snapshot.parameter(NOIOMMU)
    setting = configured(host, parameter)
    path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
    now = Step(f"{_UNLESS}, switch it off until the next boot", f"echo N > {path}")
    steps = () if setting is None else (removal(host, setting, _UNLESS),)
    effect = "no-IOMMU mode: functions in no IOMMU group are given away without any isolation"
    yield Found(
        f"{mode.claim}: {effect}", mode, (now, *steps) if parameter.pending is None else steps
    )


# Asked at each reading: a Snapshot has what modprobe.d sets only while the module is not loaded.
FINDING = Finding("noiommu_mode", "warning", find_in_groups=_find)
