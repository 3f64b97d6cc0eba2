"""virtio-iommu: named like its parent device, `0000:00:02.0` or `a003e00.virtio_mmio`.

drivers/iommu/virtio-iommu.c viommu_probe(). It neither remaps interrupts nor claims to.
"""

from __future__ import annotations

import re

from vfioguard.iommu import IommuDriver

_PARENT = r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]+\.virtio_mmio"


def _is_parent(name: str) -> bool:
    # The full stop first: to compile the expression takes longer than to read an x86 unit.
    return "." in name and re.fullmatch(_PARENT, name) is not None


DRIVER = IommuDriver("virtio-iommu", _is_parent, coherent=True)
