"""Why VFIO, iommufd and the driver core refuse, by errno and call (policy.md 5).

Read in 5.10.223, 6.1.176 and 6.12: drivers/vfio/vfio_iommu_type1.c, drivers/vfio/group.c (vfio.c),
container.c, pci/vfio_pci_core.c, drivers/iommu/iommufd/device.c, drivers/iommu/iommu.c,
drivers/base/bus.c bind_store(), drivers/pci/pci-driver.c new_id_store().
"""

from __future__ import annotations

from vfioguard.symptom import Cause
from vfioguard.symptom.errors import mapping, missing, refused

ERRORS: dict[str, tuple[Cause, ...]] = {**refused.ERRORS, **missing.ERRORS, **mapping.ERRORS}
