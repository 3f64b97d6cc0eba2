"""The facts of a device as JSON. Fields are added, never changed."""

from __future__ import annotations

from vfioguard.device_facts import DeviceFacts
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes.facts import Facts


def facts_json(facts: DeviceFacts) -> Facts:
    """All facts of one device; null where a fact does not apply or is not known."""
    return {
        "id": facts.id,
        "vendor_name": facts.vendor_name,
        "device_name": facts.device_name,
        "class_name": facts.class_name,
        "physical_function": facts.physical_function,
        "parent": facts.parent,
        "port": facts.port,
        "numa_node": facts.numa_node,
        "iommu": facts.iommu,
        "reset_methods": None if facts.reset_methods is None else list(facts.reset_methods),
        "msi_vectors": facts.msi_vectors,
        "msi_chip": facts.msi_chip,
        "roles": None if facts.roles is None else list(facts.roles),
        "driver_override": facts.driver_override or None,
        "iommufd": {
            "complete": facts.iommufd_complete,
            "offered": facts.iommufd,
            "cdev": facts.cdev,
            "coherent": facts.coherent,
        },
    }
