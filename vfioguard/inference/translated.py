"""Whether firmware puts an IOMMU that is in use in front of a PCI function: IORT or `iommu-map`.

drivers/acpi/arm64/iort.c iort_iommu_configure_id(), drivers/iommu/of_iommu.c of_iommu_configure()
(6.12.118): both look up each id that pci_for_each_dma_alias() finds, and want all ids mapped.
"""

from __future__ import annotations

from vfioguard.acpi.iort import Iort
from vfioguard.acpi.parts.iort_bodies import Smmu, SmmuV3
from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import functions, iort_ids, of_map, tables
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.firmware.devicetree import Node
from vfioguard.kernel.firmware.wiring import Wiring
from vfioguard.kernel.iommu_class import Iommu, instances
from vfioguard.kernel.pci.pci_topology import requester_id, segment
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.snapshot import Snapshot

_NAMED = Claim(
    "the IOMMU that iommu-map names is known",
    unknown="the IOMMU that iommu-map names is not known",
)


class Translated:
    """Tells for one host which functions firmware ties to IOMMUs; nodes are indexed once."""

    def __init__(self, snapshot: Snapshot, wiring: Wiring) -> None:
        self._snapshot = snapshot
        self._wiring = wiring
        self._iommus: dict[int, Node] = {}
        for node in wiring.nodes.value.values() if isinstance(wiring.nodes, Fact) else ():
            if node.iommu and isinstance(node.phandle, Fact):
                self._iommus.setdefault(node.phandle.value, node)

    def mapped(self, name: str) -> Answer:
        """Whether every id of the function reaches an IOMMU that the kernel uses."""
        snapshot, wiring = self._snapshot, self._wiring
        claim = Claim(
            f"firmware maps {name} to an IOMMU that is in use",
            f"firmware does not map {name} to an IOMMU that is in use",
        )
        numbers = ids(wiring, name)
        if isinstance(numbers, Gap):
            return ask(claim, numbers, lambda _: None)
        table = tables.iort(snapshot.acpi.iort)
        if isinstance(table, Fact):
            units = instances(snapshot.iommus)
            answer = every(
                claim, [_by_iort(table, units, name, number) for number in numbers.value]
            )
            # drivers/acpi/scan.c acpi_iommu_configure_id() then asks the VIOT (6.1.176, 6.12.118).
            viot_next = answer.truth is False and not _absent(snapshot.acpi.viot)
            return Answer(claim, None, (answer, snapshot.acpi.viot)) if viot_next else answer
        if devicetree_boot(snapshot.acpi):
            return every(claim, [self._by_map(name, number) for number in numbers.value])
        # Without an IORT there may still be a VIOT, which is not followed here.
        none = table.why is Why.ABSENT and _absent(snapshot.acpi.viot)
        return Answer(claim, False if none else None, (table, snapshot.acpi.viot))

    def _by_map(self, name: str, number: int) -> Answer:
        """Whether iommu-map covers an id, and the node of its IOMMU is enabled.

        The node's status is all there is, because nothing ties the node to a name in sysfs.
        """
        place = f"{name} (id {number:#x})"
        claim = Claim(f"iommu-map covers {place}", f"iommu-map does not cover {place}")
        node = _host_bridge(self._wiring, name)
        if isinstance(node, Gap):
            return ask(claim, node, lambda _: None)
        entries, mask = node.iommu_map, node.iommu_map_mask
        if entries is None:
            return ask(claim, node.compatible, lambda _: False)
        if isinstance(entries, Gap) or isinstance(mask, Gap):
            return Answer(claim, None, (entries, *([mask] if mask is not None else [])))
        bits = of_map.ALL_BITS if mask is None else mask.value
        # This is asked of kernels before 6.15 only, in which of_map_id() has its old form.
        phandle = of_map.old(entries.value, bits, number)
        if phandle is None:
            return ask(claim, entries, lambda _: False)
        covered = ask(claim, entries, lambda _: True)
        enabled = self._enabled(entries, phandle)
        both = Claim(
            f"{claim}, and its IOMMU is enabled",
            f"the IOMMU of {name} (id {number:#x}) is disabled",
        )
        return every(both, (covered, enabled))

    def _enabled(self, entries: Fact[tuple[int, ...]], phandle: int) -> Answer:
        """Whether the node is enabled: of_iommu_xlate() asks of_device_is_available() first."""
        node = self._iommus.get(phandle)
        if node is None:
            return ask(_NAMED, entries, lambda _: None)
        reading = node.compatible if node.status is None else node.status
        claim = Claim(f"{node.path} is enabled", f"{node.path} is disabled")
        return Answer(claim, node.enabled, (reading,))


def _absent(reading: Reading[bytes]) -> bool:
    return isinstance(reading, Gap) and reading.why is Why.ABSENT


def ids(wiring: Wiring, name: str) -> Reading[tuple[int, ...]]:
    """The ids of function `name`: its own, and that of a bridge to conventional PCI above it."""
    own, place = parse_bdf(name), wiring.places.get(name)
    if own is None or place is None:
        return Gap(Why.ABSENT, name, "no PCI function")
    if isinstance(place, Gap):
        return place
    alias = requester_id(name, wiring.places)
    if isinstance(alias, Gap):
        return alias
    return Fact(tuple(dict.fromkeys((functions.requester_id(own), alias))), place.raw, place.source)


def unit_name(smmu: Smmu | SmmuV3) -> str:
    """The name of an SMMU in /sys/class/iommu, made of its registers' address."""
    kind = "smmu3" if isinstance(smmu, SmmuV3) else "smmu"
    return f"{kind}.{smmu.base:#018x}"


def _by_iort(
    table: Fact[Iort], units: Reading[tuple[Iommu, ...]], name: str, number: int
) -> Answer:
    place = f"{name} (id {number:#x})"
    claim = Claim(f"IORT maps {place} to an SMMU", f"IORT maps {place} to no SMMU")
    nodes = iort_ids.nodes(table)
    reached = nodes.follow(nodes.root_complex(segment(name)), number, iort_ids.IOMMU)
    if reached is None or not isinstance(reached.node.body, Smmu | SmmuV3):
        return ask(claim, table, lambda _: False)
    unit = unit_name(reached.node.body)
    in_use = Claim(f"{unit} is in use", f"{unit} is not in use")
    used = ask(in_use, units, lambda all_: any(iommu.name == unit for iommu in all_))
    both = Claim(f"{claim} that is in use", f"IORT maps {place} to an SMMU that is not in use")
    return every(both, (ask(claim, table, lambda _: True), used))


def _host_bridge(wiring: Wiring, name: str) -> Node | Gap:
    """The node of the host bridge above function `name`, or a gap."""
    place, nodes = wiring.places[name], wiring.nodes
    if isinstance(place, Gap):
        return place
    if isinstance(nodes, Gap):
        return nodes
    path = wiring.of_nodes.get(place.value.root_bus)
    if not isinstance(path, Fact):
        return path or Gap(Why.ABSENT, place.value.root_bus, "its node is not known")
    node = nodes.value.get(path.value)
    return node or Gap(Why.ABSENT, f"{place.value.root_bus}/of_node", f"no node {path.value}")
