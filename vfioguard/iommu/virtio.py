"""virtio-iommu: a unit has its parent device's name, `0000:00:02.0` or `a003e00.virtio_mmio`.

drivers/iommu/virtio-iommu.c viommu_probe(). It does not remap interrupts, and does not report that
it does.
"""

from __future__ import annotations

import re

from vfioguard.iommu import IommuDriver

_PARENT = r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]+\.virtio_mmio"


def _is_parent(name: str) -> bool:
    # The full stop comes first, because compiling the expression takes longer than reading a unit.
    return "." in name and re.fullmatch(_PARENT, name) is not None


DRIVER = IommuDriver("virtio-iommu", _is_parent, coherent=True)
