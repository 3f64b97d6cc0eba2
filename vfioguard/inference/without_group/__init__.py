"""Why a device has no IOMMU group, and whether it gets one when a driver binds."""
