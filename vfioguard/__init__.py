"""vfioguard: says which IOMMU groups VFIO would refuse on this host, and why."""

__version__ = "0.1.0"
