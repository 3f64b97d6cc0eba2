"""The devices whose MSIs tell something about other devices: the first device of each kind.

Inferences about the whole machine see these devices and no others. So a device that changes
concerns other groups only if it changes this value (judging/again.py).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from vfioguard.fact import Fact, Reading
from vfioguard.inference.chips import Chips
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.kernel.members import every_device
from vfioguard.kernel.uevent import Uevent
from vfioguard.snapshot import Snapshot

#: VMD numbers its domains above what firmware can (drivers/pci/controller/vmd.c).
FIRST_VMD_DOMAIN = 0x10000
_ORDINARY = len("0000:00:00.0")


class Witness(NamedTuple):
    """The facts of a device that tell about others; `group` is None if it is in no group.

    `driver` and `uevent` are set for VMDs only, because no rule needs them of another device.
    """

    name: str
    group: int | None
    driver: str | None
    msi_irqs: Reading[Sequence[int]]
    chip: Reading[str] | None
    uevent: Reading[Uevent] | None = None


#: The name of the x86 remapping unit in front of a device, if any, and the family of its MSIs.
Kind: TypeAlias = tuple[str | None, str]


class Witnesses(NamedTuple):
    """The first device with an MSI of each kind; devices in groups come first.

    `vmd` are all devices that tell what a VMD does: the VMDs, and devices with an MSI behind one.
    `unisolated` has MSIs of a family that does not isolate, `its` has MSIs of an ITS.
    """

    by_kind: Mapping[Kind, Witness]
    by_family: Mapping[str, Witness]
    unisolated: Witness | None
    its: Witness | None
    vmd: tuple[Witness, ...]

    def behind(self, unit: str, family: str) -> Witness | None:
        """The first device behind remapping unit `unit` with MSIs of `family`, or None."""
        return self.by_kind.get((unit, family))


class Finder:
    """Finds witnesses for a set of remapping units.

    `units` maps a device to the unit in front of it; `names` are the units that have a device.
    """

    def __init__(
        self, chips: Chips, units: Mapping[str, Iommu], names: frozenset[str] | None = None
    ) -> None:
        self.chips = chips
        self.units = units
        self.names = names or frozenset(unit.name for unit in units.values())

    def for_another_thread(self) -> "Finder":
        """The same finder with chips of its own, because `Chips` remembers what it is asked."""
        return Finder(Chips(), self.units, self.names)

    def find(self, snapshot: Snapshot) -> Witnesses:
        """The witnesses of a snapshot; looks at every device."""
        kinds: dict[Kind, Witness] = {}
        families: dict[str, Device] = {}
        vmd: list[Witness] = []
        for device in every_device(snapshot.groups, snapshot.devices):
            if _of_vmd(device):
                vmd.append(_witness(device))
            kind = self._kind(device)
            if kind is not None and kind not in kinds:
                kinds[kind] = _witness(device)
                families.setdefault(kind[1], device)
        members = [(device, self.chips.family(device)) for device in families.values()]
        return Witnesses(
            by_kind=kinds,
            by_family={family: _witness(device) for family, device in families.items()},
            unisolated=next(
                (_witness(d) for d, family in members if family and family.isolates is False), None
            ),
            its=next((_witness(d) for d, family in members if family and family.its), None),
            vmd=tuple(
                witness
                for witness in vmd
                if witness.driver == "vmd" or isinstance(witness.chip, Fact)
            ),
        )

    def still(self, witnesses: Witnesses, old: Device, new: Device) -> bool:
        """Whether the witnesses stay the same if one device, in its place, changes to `new`."""
        if _of_vmd(old) or _of_vmd(new):
            return False
        if _witness(old) == _witness(new):
            return True
        if any(witness.name == old.name for witness in witnesses.by_kind.values()):
            return False
        kind = self._kind(new)
        first = None if kind is None else witnesses.by_kind.get(kind)
        return kind is None or (first is not None and _before(first, new))

    def _kind(self, device: Device) -> Kind | None:
        if device.chip is None:
            return None
        family = self.chips.family(device)
        if family is None:
            return None
        unit = self.units.get(device.name)
        return (unit.name if unit else None), family.family


def _witness(device: Device) -> Witness:
    group = device.group if isinstance(device.group, int) else None
    if device.driver != "vmd":
        return Witness(
            name=device.name, group=group, driver=None, msi_irqs=device.msi_irqs, chip=device.chip
        )
    return Witness(
        name=device.name,
        group=group,
        driver="vmd",
        msi_irqs=device.msi_irqs,
        chip=device.chip,
        uevent=device.uevent,
    )


def _before(witness: Witness, device: Device) -> bool:
    """Whether the witness certainly comes first: groups in their order, then other devices."""
    # A device whose link cannot be read may stand in a group that lists it.
    if witness.group is None or not isinstance(device.group, int):
        return False
    return witness.group < device.group


def _of_vmd(device: Device) -> bool:
    ordinary = len(device.name) <= _ORDINARY or not device.name[0].isdigit()
    return device.driver == "vmd" or (not ordinary and domain(device.name) >= FIRST_VMD_DOMAIN)


def domain(name: str) -> int:
    """The PCI domain in a device's name; -1 if it is not on the PCI bus."""
    from vfioguard.bdf import parse_bdf  # only names longer than ordinary ones get here

    bdf = parse_bdf(name)
    return -1 if bdf is None else bdf.domain
