"""/sys/class/iommu: the IOMMU units that translate, their registers, and the devices they manage.

Documentation/ABI/testing/sysfs-class-iommu. A unit's `devices/` lists its devices of every bus, so
that no link of a device has to be read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vfioguard import leaves
from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, printable
from vfioguard.iommu import IommuDriver
from vfioguard.root import Root, listing, reading
from vfioguard.typed import NamedTuple

PATH = "/sys/class/iommu"
#: A unit's name is compared with these drivers' first, so that most hosts load no other driver.
_FIRST = ("intel", "amd", "arm_smmu_v3")
_LEFT_OUT = Gap(Why.ABSENT, PATH, "left out")


class Iommu(NamedTuple):
    """A unit; `driver` is None if no leaf of vfioguard.iommu knows its name."""

    name: str
    driver: IommuDriver | None
    attributes: Mapping[str, Reading[int]]
    devices: Reading[tuple[str, ...]]


def read(root: Root, among: Collection[str] | None = None) -> Reading[tuple[Iommu, ...]]:
    """Every unit, sorted by name.

    Their `devices` are all that they manage, or those `among` these names: a unit may have
    thousands.
    """
    names = listing(root, PATH)
    if not isinstance(names, Fact):
        return names
    units = tuple(_unit(root, name, among) for name in names.value)
    return Fact(units, names.raw, names.source)


def instances(reading: Reading[tuple[Iommu, ...]]) -> Reading[tuple[Iommu, ...]]:
    """The units without their devices, so that a proof stays the same when devices come or go."""
    if isinstance(reading, Gap):
        return reading
    light = [
        unit if isinstance(unit.devices, Gap) else unit._replace(devices=_LEFT_OUT)
        for unit in reading.value
    ]
    return reading._replace(value=tuple(light))


def driven(reading: Reading[tuple[Iommu, ...]], driver: str) -> bool:
    """Whether some unit is known to be `driver`'s."""
    units = reading.value if isinstance(reading, Fact) else ()
    return any(unit.driver is not None and unit.driver.name == driver for unit in units)


def _managed(root: Root, path: str, among: Collection[str] | None) -> Reading[tuple[str, ...]]:
    """The devices that the directory `path` links to."""
    if among is None:
        return listing(root, path)
    names: list[str] = []
    try:
        root.subdirectories(path)  # fails if the directory cannot be listed
        for name in among:
            try:
                root.readlink(f"{path}/{name}")
            except FileNotFoundError:
                continue
            names.append(name)
    except OSError as error:
        return gap_from(error, path)
    return Fact(tuple(names), "\n".join(names).encode(errors="surrogateescape"), path)


def _unit(root: Root, name: str, among: Collection[str] | None) -> Iommu:
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
        devices=_managed(root, f"{PATH}/{name}/devices", among),
    )
