"""The devices of a snapshot as firmware sees them: by address, and by the way from the root bus."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.fact import Fact, Reading
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple


class Function(NamedTuple):
    """A device. `bdf` is None if it is not on the PCI bus.

    `above` are the bridges from the root bus down, or None if they are not known. `members` is the
    device's group, or None if it has none.
    """

    device: Device
    bdf: Bdf | None
    above: tuple[Bdf, ...] | None
    members: Members | None

    @property
    def pci_class(self) -> int | None:
        """The 24-bit class code."""
        uevent = self.device.uevent
        return uevent.value.pci_class if isinstance(uevent, Fact) else None


class Index:
    """The functions of a host, indexed so that no entry of a table needs a look at all of them."""

    def __init__(self, all_: Iterable[Function]) -> None:
        self.all = tuple(all_)
        self._places: defaultdict[tuple[int, int, int], list[Function]] = defaultdict(list)
        self._below: defaultdict[Bdf, list[Function]] = defaultdict(list)
        self._ids = sorted(
            (function.bdf.domain, requester_id(function.bdf), index)
            for index, function in enumerate(self.all)
            if function.bdf is not None
        )
        for function in self.all:
            if function.bdf is not None:
                domain, _, device, number = function.bdf
                self._places[domain, device, number].append(function)
            for bridge in function.above or ():
                self._below[bridge].append(function)

    def places(self, domain: int, device: int, number: int) -> Sequence[Function]:
        """The functions with this device and function number, on any bus of a domain."""
        return self._places.get((domain, device, number), ())

    def between(self, domain: int, first: int, last: int) -> Sequence[Function]:
        """The functions of a domain with a requester id from `first` to `last`."""
        low = bisect_left(self._ids, (domain, first))
        high = bisect_left(self._ids, (domain, last + 1))
        return [self.all[index] for _, _, index in self._ids[low:high]]

    def below(self, bridge: Function) -> Sequence[Function]:
        """The functions that are known to be behind a bridge."""
        return () if bridge.bdf is None else self._below.get(bridge.bdf, ())


def requester_id(bdf: Bdf) -> int:
    """Bus, device and function in 16 bits, as a function's own requests carry them."""
    return bdf.bus << 8 | bdf.device << 3 | bdf.function


def functions(snapshot: Snapshot) -> tuple[Function, ...]:
    """Every device of a snapshot; devices in groups come first."""
    grouped = [
        _function(snapshot, device, members)
        for members in snapshot.members
        for device in members.devices
    ]
    return (*grouped, *(_function(snapshot, device, None) for device in snapshot.devices))


def _function(snapshot: Snapshot, device: Device, members: Members | None) -> Function:
    bdf = parse_bdf(device.name) if device.bus == "pci" else None
    return Function(
        device=device, bdf=bdf, above=_above(_bridges(snapshot, device)), members=members
    )


def _bridges(snapshot: Snapshot, device: Device) -> Reading[tuple[str, ...]] | None:
    if device.bridges is not None or snapshot.wiring is None:
        return device.bridges
    place = snapshot.wiring.places.get(device.name)
    if not isinstance(place, Fact):
        return place
    return Fact(place.value.bridges, place.raw, place.source)


def _above(bridges: Reading[tuple[str, ...]] | None) -> tuple[Bdf, ...] | None:
    if not isinstance(bridges, Fact):
        return None
    addresses = [parse_bdf(name) for name in bridges.value]
    return tuple(bdf for bdf in addresses if bdf is not None) if all(addresses) else None
