"""Why a device has no IOMMU group, and whether one comes with a driver."""
