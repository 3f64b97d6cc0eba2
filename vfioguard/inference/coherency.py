"""IOMMU_CAP_CACHE_COHERENCY: without it VFIO binds no device, EINVAL before any interrupt test.

drivers/vfio/vfio_main.c vfio_group_find_or_alloc() (6.1.176), __vfio_register_dev() (6.12.118,
7.3.4); drivers/iommu/iommufd/device.c iommufd_device_bind() (6.12.118). Linux commit e8ae0e140c05
("vfio: Require that devices support DMA cache coherence") (in v5.19).
"""

from __future__ import annotations

from functools import cached_property

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders, era
from vfioguard.iommu import IommuDriver
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.identity.arch import is_s390, is_x86
from vfioguard.kernel.iommu_class import Iommu, instances
from vfioguard.logic import Answer, Claim, ask, some, whichever
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.firmware.devicetree import Nodes

#: These drivers always said yes. What others report in v5.19 and v6.0 was not read.
_ALWAYS = frozenset({"intel", "amd", "s390-iommu", "fsl-pamu"})
_SMMU_V3 = "arm-smmu-v3"
#: include/acpi/actbl2.h: ACPI_IORT_SMMU_V3_COHACC_OVERRIDE, ACPI_IORT_SMMU_COHERENT_WALK.
_COHACC = 1 << 0
_COHERENT_WALK = 1 << 1


class Coherency:
    """The answers for the devices of one host."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._units = instances(snapshot.iommus)
        self._arch = snapshot.kernel.arch
        self._managers = {
            name: unit
            for unit in (snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ())
            for name in (unit.devices.value if isinstance(unit.devices, Fact) else ())
        }

    def passes(self, device: Device) -> Answer:
        """Whether the kernel does not ask for coherency, or the IOMMU driver reports it."""
        claim = Claim(
            f"VFIO binds {device.name} as far as cache coherency goes",
            f"VFIO does not bind {device.name}: its IOMMU does not keep caches coherent",
        )
        return some(claim, (self._unasked(), self.reported(device)))

    def _unasked(self) -> Answer:
        asked = era.has(self._snapshot, borders.COHERENCY_ASKED)
        unasked = None if asked is None else not asked
        claim = Claim(
            "this kernel binds devices of any IOMMU (before v5.19)",
            "this kernel binds only devices of an IOMMU that keeps caches coherent (from v5.19 on)",
        )
        return ask(claim, self._snapshot.kernel.release, lambda _: unasked)

    def reported(self, device: Device) -> Answer:
        """Whether the IOMMU driver reports coherency for the device, by kernels from v6.1 on."""
        whose = f"the IOMMU of {device.name}"
        if isinstance(self._arch, Fact) and (is_x86(self._arch) or is_s390(self._arch)):
            always = _claim(whose, f"every driver of {self._arch.value} says so")
            return ask(always, self._arch, lambda _: True)
        unit = self._managers.get(device.name)
        if unit is None:
            return self._of_all(whose, device)
        return self._of_unit(whose, unit)

    def _of_all(self, whose: str, device: Device) -> Answer:
        """The answer for a device without a group: any IOMMU may be its own, so all must agree."""
        claim = _claim(whose)
        known, units = ask(claim, self._units, lambda _: None), self._snapshot.iommus
        if isinstance(units, Gap) or not units.value or not isinstance(device.group, Gap):
            return known
        return whichever(claim, self._of_units, known)

    @cached_property
    def _of_units(self) -> list[Answer]:
        units = self._snapshot.iommus.value if isinstance(self._snapshot.iommus, Fact) else ()
        return [self._of_unit("an IOMMU of this host", unit) for unit in units]

    def _of_unit(self, whose: str, unit: Iommu) -> Answer:
        driver = unit.driver
        if driver is None:
            return ask(_claim(whose), self._units, lambda _: None)
        if driver.coherent is not None:
            reported = self._trusted(driver, driver.coherent)
            claim = _claim(whose, f"{driver.name}, for every device")
            return ask(claim, self._units, lambda _: reported)
        return self._by_firmware(whose, unit, driver)

    def _trusted(self, driver: IommuDriver, reported: bool | None) -> bool | None:
        early = era.has(self._snapshot, borders.COHERENCY_READ) is False
        return None if early and driver.name not in _ALWAYS else reported

    def _by_firmware(self, whose: str, unit: Iommu, driver: IommuDriver) -> Answer:
        """The answer for an SMMU: firmware's word counts, whatever the SMMU's own register says.

        drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c arm_smmu_capable(), arm_smmu_device_acpi_probe()
        and arm_smmu_device_dt_probe(); drivers/iommu/arm/arm-smmu/arm-smmu.c (6.12.118).
        """
        from vfioguard.inference import tables  # an x86 parses none for this

        table = tables.iort(self._snapshot.acpi.iort)
        if isinstance(table, Fact):
            answer = self._of_smmu(driver, self._by_iort.get(unit.name))
            claim = _claim(whose, f"{unit.name}, by its IORT node")
            return ask(claim, table, lambda _: answer)
        wiring = self._snapshot.wiring
        if wiring is None or not devicetree_boot(self._snapshot.acpi):
            return ask(_claim(whose, unit.name), table, lambda _: None)
        nodes: Reading[Nodes] = wiring.nodes
        answer = self._of_smmu(driver, self._by_node(unit) if isinstance(nodes, Fact) else None)
        return ask(_claim(whose, f"{unit.name}, by dma-coherent"), nodes, lambda _: answer)

    @cached_property
    def _by_iort(self) -> dict[str, bool]:
        """SMMU's name in sysfs -> whether the IORT calls it coherent; its first node counts."""
        from vfioguard.acpi.parts.iort_bodies import Smmu, SmmuV3
        from vfioguard.inference import tables
        from vfioguard.inference.translated import unit_name

        table = tables.iort(self._snapshot.acpi.iort)
        coherent: dict[str, bool] = {}
        for node in table.value.by_offset().values() if isinstance(table, Fact) else ():
            if isinstance(node.body, Smmu | SmmuV3):
                bit = _COHACC if isinstance(node.body, SmmuV3) else _COHERENT_WALK
                coherent.setdefault(unit_name(node.body), bool(node.body.flags & bit))
        return coherent

    def _by_node(self, unit: Iommu) -> bool | None:
        """Whether the tree calls the unit coherent: by its node, else by all nodes if they agree.

        Its node is the only enabled one with its address. Returns None if that is not known.
        """
        own = self._by_address.get(_address(unit.name), [])
        candidates = own if len(own) == 1 else self._distinct
        return candidates[0] if len(candidates) == 1 else None

    @cached_property
    def _by_address(self) -> dict[int | None, list[bool | None]]:
        """Address -> whether each enabled IOMMU node of the device tree there is coherent."""
        wiring = self._snapshot.wiring
        by_address: dict[int | None, list[bool | None]] = {}
        if wiring is None or isinstance(wiring.nodes, Gap):
            return by_address
        for node in wiring.nodes.value.values():
            if node.iommu and node.enabled is not False:
                by_address.setdefault(_address(node.path), []).append(node.coherent)
        return by_address

    @cached_property
    def _distinct(self) -> list[bool | None]:
        """The distinct values of all these nodes."""
        return list({coherent for nodes in self._by_address.values() for coherent in nodes})

    def _of_smmu(self, driver: IommuDriver, coherent: bool | None) -> bool | None:
        """What the driver reports if firmware calls the SMMU `coherent`; None if not known.

        An SMMUv2 is also coherent for a device that is coherent itself, which no file shows.
        """
        return self._trusted(driver, coherent) if coherent or driver.name == _SMMU_V3 else None


def _claim(whose: str, how: str = "") -> Claim:
    """The claim about "the IOMMU of ..."; `how` stands behind it in brackets."""
    by = f" ({how})" if how else ""
    return Claim(f"{whose} keeps caches coherent{by}", f"{whose} does not keep caches coherent{by}")


def _address(name: str) -> int | None:
    """The address in a node's path or a unit's name, or None if it has none.

    "/soc/iommu@9050000" and "smmu3.0x0000000009050000" have the same.
    """
    digits = name.rpartition("@")[2] if "@" in name else name.rpartition("0x")[2]
    try:
        return int(digits, 16)
    except ValueError:
        return None
