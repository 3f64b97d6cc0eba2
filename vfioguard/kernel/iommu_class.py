"""/sys/class/iommu: the IOMMUs that translate, their registers, and the devices that they manage.

Documentation/ABI/testing/sysfs-class-iommu. Each instance's `devices/` names every managed device
of every bus at once, which spares a link per device.
"""

from collections.abc import Mapping
from typing import NamedTuple

from vfioguard import leaves
from vfioguard.fact import Fact, Gap, Reading, Why, printable
from vfioguard.iommu import IommuDriver
from vfioguard.root import Root, listing, reading

PATH = "/sys/class/iommu"
#: Names are asked of these drivers first: most hosts have theirs, and load no other.
_FIRST = ("intel", "amd", "arm_smmu_v3")
_LEFT_OUT = Gap(Why.ABSENT, PATH, "left out")


class Iommu(NamedTuple):
    """One instance; `driver` is None for one that no leaf of vfioguard.iommu knows."""

    name: str
    driver: IommuDriver | None
    attributes: Mapping[str, Reading[int]]
    devices: Reading[tuple[str, ...]]


def read(root: Root) -> Reading[tuple[Iommu, ...]]:
    """Every instance, sorted by name."""
    names = listing(root, PATH)
    if not isinstance(names, Fact):
        return names
    instances = tuple(_instance(root, name) for name in names.value)
    return Fact(instances, names.raw, names.source)


def instances(reading: Reading[tuple[Iommu, ...]]) -> Reading[tuple[Iommu, ...]]:
    """The units without the devices that they manage: what a proof holds, however many come."""
    if isinstance(reading, Gap):
        return reading
    light = [
        unit if isinstance(unit.devices, Gap) else unit._replace(devices=_LEFT_OUT)
        for unit in reading.value
    ]
    return reading._replace(value=tuple(light))


def driven(reading: Reading[tuple[Iommu, ...]], driver: str) -> bool:
    """Whether a unit is known to be of this driver."""
    units = reading.value if isinstance(reading, Fact) else ()
    return any(unit.driver is not None and unit.driver.name == driver for unit in units)


def _instance(root: Root, name: str) -> Iommu:
    drivers = leaves.one_by_one("vfioguard.iommu", "DRIVER", IommuDriver, _FIRST)
    driver = next((driver for driver in drivers if driver.instance(name)), None)
    attributes = {
        file: reading(root, f"{PATH}/{name}/{file}", number)
        for file, number in (driver.attributes if driver else ())
    }
    return Iommu(
        name=printable(name),
        driver=driver,
        attributes=attributes,
        devices=listing(root, f"{PATH}/{name}/devices"),
    )
