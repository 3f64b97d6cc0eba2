"""Where a PCI function is: the path that its link in /sys/bus/pci/devices resolves to.

drivers/pci/search.c pci_for_each_dma_alias(), drivers/pci/msi/irqdomain.c get_msi_id_cb().
"""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.fact import Gap, Malformed, Reading, Why, gap_from, parse, printable
from vfioguard.root import Directory
from vfioguard.typed import NamedTuple


class Place(NamedTuple):
    """Where a PCI function is.

    `root_bus` is the directory of its root bus, `host_bridge` the one of the device above that bus.
    `bridges` are the functions above it, from the root bus down. `express`: whether it is PCI
    Express; only such functions show a link speed.
    """

    host_bridge: str
    bridges: tuple[str, ...]
    express: bool
    root_bus: str


def read(bus: Directory, name: str) -> Reading[Place]:
    """The place of one function below /sys/bus/pci/devices."""
    source = bus.prefix + name
    try:
        target = bus.readlink(name)
        express = _has(bus, f"{name}/max_link_speed")
    except OSError as error:
        return gap_from(error, source)
    raw = target.encode(errors="surrogateescape")
    return parse(raw, source, lambda _: _place(target, express=express))


def bridges(bus: Directory, name: str) -> Reading[tuple[str, ...]]:
    """The functions above `name`, from the root bus down. Reads only its link."""
    source = bus.prefix + name
    try:
        target = bus.readlink(name)
    except OSError as error:
        return gap_from(error, source)
    raw = target.encode(errors="surrogateescape")
    return parse(raw, source, lambda _: _place(target, express=False).bridges)


def _has(bus: Directory, path: str) -> bool:
    try:
        bus.read(path)
    except OSError as error:
        if gap_from(error, path).why is Why.ABSENT:
            return False
        if error.errno is None:
            raise
    return True


def _place(target: str, *, express: bool) -> Place:
    """Parse "../../../devices/platform/x.pcie/pci0000:00/0000:00:14.0/0000:05:00.0"."""
    above, devices, below = target.partition("/devices/")
    parts = below.split("/")
    roots = [index for index, part in enumerate(parts) if _root_bus(part)]
    if above.strip("./") or not devices or not roots or printable(target) != target:
        raise Malformed(f"not below a root bus: {target!a:.96}")
    root = roots[-1]  # a VMD has one root bus below another
    host_bridge = "/".join(["/sys/devices", *parts[:root]])
    root_bus = f"{host_bridge}/{parts[root]}"
    return Place(
        host_bridge=host_bridge,
        bridges=tuple(parts[root + 1 : -1]),
        express=express,
        root_bus=root_bus,
    )


def _root_bus(part: str) -> bool:
    domain, colon, bus = part.removeprefix("pci").partition(":")
    return part.startswith("pci") and bool(colon) and len(bus) == 2 and len(domain) >= 4


def requester_id(name: str, places: Mapping[str, Reading[Place]]) -> int | Gap:
    """The 16-bit id that the function's MSIs carry. Returns a gap if it is not known.

    It is the function's own id, or the id of the last bridge that replaces it. A conventional
    bridge sends as itself. A PCI Express bridge above conventional functions sends as (its
    secondary bus, 00.0).
    """
    place = places.get(name) or Gap(Why.ABSENT, name, "not a PCI function")
    own = parse_bdf(name)
    if isinstance(place, Gap) or own is None:
        return place if isinstance(place, Gap) else Gap(Why.MALFORMED, name, "not a PCI address")
    rid = _rid(own)
    below, below_express = own, place.value.express
    for bridge in reversed(place.value.bridges):
        address, above = parse_bdf(bridge), places.get(bridge)
        if address is None or above is None or isinstance(above, Gap):
            return above if isinstance(above, Gap) else Gap(Why.ABSENT, bridge, "no such bridge")
        alias = None
        if not above.value.express:
            alias = _rid(address)
        elif not below_express:
            alias = below.bus << 8
        if alias is not None and (address.bus != rid >> 8 or alias >> 8 != rid >> 8):
            rid = alias
        below, below_express = address, above.value.express
    return rid


def _rid(bdf: Bdf) -> int:
    return bdf.bus << 8 | bdf.device << 3 | bdf.function


def segment(name: str) -> int | None:
    """The PCI domain, which ACPI calls segment. Returns None if `name` is not a PCI address."""
    bdf = parse_bdf(name)
    return None if bdf is None else bdf.domain
