"""The devices whose MSIs speak for more than themselves: the first of each kind.

What is inferred of the whole machine sees these and no other device. So a device that changes
concerns the other groups only where it changes this value (judging/again.py).
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
    """What a device says for others; `group` is None for one in no group.

    `driver` and `uevent` are None for all but VMDs, as nobody asks them of others.
    """

    name: str
    group: int | None
    driver: str | None
    msi_irqs: Reading[Sequence[int]]
    chip: Reading[str] | None
    uevent: Reading[Uevent] | None = None


#: The x86 remapping unit in front of a device, if any, and the family of its MSIs.
Kind: TypeAlias = tuple[str | None, str]


class Witnesses(NamedTuple):
    """The first device of each kind that has an MSI, those of groups first.

    `vmd` are all that tell what a VMD does: the VMDs themselves, and what is behind one and has an
    MSI. `unisolated` has MSIs of a family without isolation, `its` of an ITS.
    """

    by_kind: Mapping[Kind, Witness]
    by_family: Mapping[str, Witness]
    unisolated: Witness | None
    its: Witness | None
    vmd: tuple[Witness, ...]

    def behind(self, unit: str, family: str) -> Witness | None:
        """The first behind a remapping unit whose MSIs are of a family."""
        return self.by_kind.get((unit, family))


class Finder:
    """Finds them for one set of remapping units; `units` maps a device to the one before it."""

    def __init__(
        self, chips: Chips, units: Mapping[str, Iommu], names: frozenset[str] | None = None
    ) -> None:
        self.chips = chips
        self.units = units
        #: The units that manage any device.
        self.names = names or frozenset(unit.name for unit in units.values())

    def for_another_thread(self) -> "Finder":
        """The same finder with chips of its own: they are filled in as they are asked for."""
        return Finder(Chips(), self.units, self.names)

    def find(self, snapshot: Snapshot) -> Witnesses:
        """Those of a snapshot, by looking at every device."""
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
        told = [(device, self.chips.family(device)) for device in families.values()]
        return Witnesses(
            by_kind=kinds,
            by_family={family: _witness(device) for family, device in families.items()},
            unisolated=next(
                (_witness(d) for d, family in told if family and family.isolates is False), None
            ),
            its=next((_witness(d) for d, family in told if family and family.its), None),
            vmd=tuple(one for one in vmd if one.driver == "vmd" or isinstance(one.chip, Fact)),
        )

    def still(self, found: Witnesses, old: Device, new: Device) -> bool:
        """Whether they are the same after one device, which stays where it is, has changed."""
        if _of_vmd(old) or _of_vmd(new):
            return False
        if _witness(old) == _witness(new):
            return True
        if any(witness.name == old.name for witness in found.by_kind.values()):
            return False
        kind = self._kind(new)
        first = None if kind is None else found.by_kind.get(kind)
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
    """Whether it certainly comes first: groups in their order, then the devices without one."""
    # A device whose link cannot be read may stand in a group that lists it.
    if witness.group is None or not isinstance(device.group, int):
        return False
    return witness.group < device.group


def _of_vmd(device: Device) -> bool:
    ordinary = len(device.name) <= _ORDINARY or not device.name[0].isdigit()
    return device.driver == "vmd" or (not ordinary and domain(device.name) >= FIRST_VMD_DOMAIN)


def domain(name: str) -> int:
    """The PCI domain of a device, -1 for one of another bus."""
    from vfioguard.bdf import parse_bdf  # asked of names longer than ordinary ones

    bdf = parse_bdf(name)
    return -1 if bdf is None else bdf.domain
