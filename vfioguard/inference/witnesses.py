"""The devices whose MSIs tell something about other devices: the first device of each kind.

Inferences about the whole machine see these devices and no others. So a device that changes
concerns other groups only if it changes this value (judging/again.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference.chips import Chips
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.kernel.members import every_device
from vfioguard.kernel.uevent import Uevent
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple, TypeAlias

#: VMD numbers its domains above what firmware can (drivers/pci/controller/vmd.c).
FIRST_VMD_DOMAIN = 0x10000
#: Characters of the name of a PCI function in a domain that firmware can number.
ORDINARY = len("0000:00:00.0")


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


#: Functions whose class the kernel asks for before it gives Intel's graphics to a guest.
_IGD_ASKS = frozenset({"0000:00:00.0", "0000:00:1f.0"})

#: The name of the x86 remapping unit in front of a device, if any, and the family of its MSIs.
Kind: TypeAlias = tuple[str | None, str]


class Witnesses(NamedTuple):
    """The first device with an MSI of each kind; devices in groups come first.

    `vmd` are all devices that tell what a VMD does: the VMDs, and devices with an MSI behind one.
    `unisolated` has MSIs of a family that does not isolate, `its` has MSIs of an ITS. `tokens` are
    the physical functions on a VFIO driver that have virtual functions, with the file that says so,
    or why it is not known. `owners` are all physical functions that have virtual functions.
    `chipset` has the host bridge and the ISA bridge at Intel's places.
    """

    by_kind: Mapping[Kind, Witness]
    by_family: Mapping[str, Witness]
    unisolated: Witness | None
    its: Witness | None
    vmd: tuple[Witness, ...]
    tokens: Mapping[str, Reading[object]]
    owners: frozenset[str]
    chipset: Mapping[str, Reading[Uevent]]

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

    def for_another_thread(self) -> Finder:
        """The same finder with chips of its own, because `Chips` remembers what it is asked."""
        return Finder(Chips(), self.units, self.names)

    def find(self, snapshot: Snapshot) -> Witnesses:
        """The witnesses of a snapshot; looks at every device."""
        kinds: dict[Kind, Witness] = {}
        families: dict[str, Device] = {}
        vmd: list[Witness] = []
        tokens: dict[str, Reading[object]] = {}
        owners: set[str] = set()
        chipset: dict[str, Reading[Uevent]] = {}
        for device in every_device(snapshot.groups, snapshot.devices):
            if device.vfs is not None:
                owners.add(device.name)
                token = _token(device)
                if token is not None:
                    tokens[device.name] = token
            if device.name in _IGD_ASKS:
                chipset[device.name] = device.uevent
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
            tokens=tokens,
            owners=frozenset(owners),
            chipset=chipset,
        )

    def still(self, witnesses: Witnesses, old: Device, new: Device) -> bool:
        """Whether the witnesses stay the same if one device, in its place, changes to `new`."""
        if _of_vmd(old) or _of_vmd(new) or _token(old) != _token(new):
            return False
        if (old.vfs is None) is not (new.vfs is None):
            return False
        if old.name in _IGD_ASKS and old.uevent != new.uevent:
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


def _token(device: Device) -> Reading[object] | None:
    """What shows that a physical function with virtual ones is on a VFIO driver, or may be."""
    if device.vfs is None:
        return None
    if isinstance(device.uevent, Gap):
        return device.uevent
    return device.vfs if device.vfio is not None else None


def _before(witness: Witness, device: Device) -> bool:
    """Whether the witness certainly comes first: groups in their order, then other devices."""
    # A device whose link cannot be read may stand in a group that lists it.
    if witness.group is None or not isinstance(device.group, int):
        return False
    return witness.group < device.group


def _of_vmd(device: Device) -> bool:
    ordinary = len(device.name) <= ORDINARY or not device.name[0].isdigit()
    return device.driver == "vmd" or (not ordinary and domain(device.name) >= FIRST_VMD_DOMAIN)


def domain(name: str) -> int:
    """The PCI domain in a device's name; -1 if it is not on the PCI bus."""
    from vfioguard.bdf import parse_bdf  # only names longer than ordinary ones get here

    bdf = parse_bdf(name)
    return -1 if bdf is None else bdf.domain
