"""/dev/iommu, the way into iommufd: drivers/iommu/iommufd/main.c iommu_misc_dev (6.12.118).

The node is not opened: sysfs shows that it is there.
"""

from __future__ import annotations

from vfioguard.fact import Why, gap_from
from vfioguard.root import Root

PATH = "/sys/class/misc/iommu/dev"


def offered(root: Root) -> bool | None:
    """Whether /dev/iommu is there. Returns None if that is not known."""
    try:
        root.read(PATH)
    except OSError as error:
        return False if gap_from(error, PATH).why is Why.ABSENT else None
    return True
