"""ACPI's way to an MSI domain on Arm: IORT from the root complex to an ITS group, MADT from there.

drivers/acpi/arm64/iort.c iort_node_map_id(), iort_id_map(); POLICY 3.8. What finds no ITS gets the
GICv2m frames, if the kernel uses them (pci_host_bridge_acpi_msi_domain()).
"""

from __future__ import annotations

from vfioguard.acpi import iort, madt
from vfioguard.acpi._iort_bodies import ItsGroup, NamedComponent, RootComplex, SmmuV3
from vfioguard.acpi._madt_arm import Gicd, GicIts, GicMsiFrame, GicV5Its, GicV5ItsTranslate
from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference.firmware_msi import Domain, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.pci_topology import requester_id, segment
from vfioguard.kernel.wiring import Wiring
from vfioguard.logic import Answer, ask, every, some

_SINGLE = 1
_GIC_V2 = 2
_U32 = 0xFFFFFFFF
_MAX_STEPS = 64
#: From node revision 5 a flag says whether an SMMUv3's mapping index is meant (IORT E.e).
_VALID_BIT_SINCE = 5
_DEVICE_ID_VALID = 1 << 4


class IortDomains:
    """Resolves devices of an Arm host that booted with ACPI."""

    def __init__(
        self,
        table: Fact[madt.Madt],
        mappings: Reading[iort.Iort],
        wiring: Wiring,
        alive: Answer,
    ) -> None:
        self._iort = mappings
        self._wiring = wiring
        self._madt = table
        self._alive = alive
        entries = table.value.entries
        self._its = {e.translation_id for e in entries if isinstance(e, GicIts)}
        self._its |= {e.translate_frame_id for e in entries if isinstance(e, GicV5ItsTranslate)}
        self._frames = [e for e in entries if isinstance(e, GicMsiFrame)]
        self._gic = {e.version for e in entries if isinstance(e, Gicd)}
        self._any_its = bool(self._its) or any(isinstance(e, GicV5Its) for e in entries)
        if self._gic == {_GIC_V2}:  # its driver knows of no ITS
            self._its, self._any_its = set[int](), False

    def domain(self, device: Device) -> Domain:
        """The domain of one device."""
        if is_pci(device.name):
            return self._pci(device.name)
        # Only a named component with an ITS mapping has one, and nothing here names it for sure.
        return self._other(device)

    def _pci(self, name: str) -> Domain:
        place = self._wiring.places.get(name)
        if place is None or isinstance(place, Gap):
            return unknown(f"{name}: its place is known", place or self._madt)
        chain = [self._mapped(name)]
        chain += [self._mapped(above) for above in reversed(place.value.bridges)]
        chain.append(self._v2m())
        return first_of(f"{name} has an MSI domain that isolates", chain)

    def _mapped(self, name: str) -> Domain:
        table = self._iort
        if isinstance(table, Gap):
            return self._no_table(f"IORT maps {name} to an ITS", table)
        rid = requester_id(name, self._wiring.places)
        if isinstance(rid, Gap):
            return unknown(f"{name}: its requester id is known", rid)
        claim = f"IORT maps {name} (id {rid:#x}) to an ITS"
        group = resolve(table.value, segment(name), rid)
        if group is None:
            return no_domain(claim, table)
        exists = every(
            claim,
            (
                ask(claim, table, lambda _: True),
                ask("the MADT has that ITS", self._madt, lambda _: self._has(group)),
                self._alive,
            ),
        )
        return Domain(exists, exists)

    def _has(self, group: ItsGroup) -> bool:
        return bool(group.its_ids) and group.its_ids[0] in self._its

    def _no_table(self, claim: str, gap: Gap) -> Domain:
        """An IORT that other tables are listed without is not there; any other gap hides it."""
        if gap.why == "absent":
            return no_domain(claim, self._madt)
        return unknown(claim, gap)

    def _other(self, device: Device) -> Domain:
        """Only a named component that reaches an ITS has one; nothing tells whose it is."""
        table = self._iort
        claim = f"IORT maps {device.name} to an ITS"
        if isinstance(table, Gap):
            return self._no_table(claim, table)
        nodes = table.value.by_offset()
        for node in nodes.values():
            if isinstance(node.body, NamedComponent):
                groups = (_component(nodes, mapping) for mapping in node.mappings)
                if any(group is not None and self._has(group) for group in groups):
                    return unknown(claim, table)
        return no_domain(claim, table)

    def _v2m(self) -> Domain:
        """The GICv2m frames of the MADT, used on a GICv2, or on a GICv3 without LPIs."""
        claim = "the kernel uses the GICv2m frames of the MADT"
        if not self._frames:
            return no_domain(claim, self._madt)
        no = ask("GICv2m isolates MSIs", self._madt, lambda _: False)
        return Domain(self._uses_frames(claim), no)

    def _uses_frames(self, claim: str) -> Answer:
        if not self._any_its:
            return ask(claim, self._madt, lambda _: True)
        return every(claim, (~self._alive,))

    def all_isolated(self) -> Answer:
        """Whether the machine has no MSI domain without isolation (v4.11 to v6.2)."""
        claim = "every MSI controller of the MADT isolates"
        if not self._frames:
            return ask(claim, self._madt, lambda _: True)
        used = self._uses_frames("the kernel uses the GICv2m frames of the MADT")
        return some(claim, (~used,))


def resolve(table: iort.Iort, domain: int | None, rid: int) -> ItsGroup | None:
    """The ITS group that a requester id of a PCI segment reaches, or nothing."""
    nodes = table.by_offset()
    node = next(
        (n for n in nodes.values() if isinstance(n.body, RootComplex) and n.body.segment == domain),
        None,
    )
    return _climb(nodes, node, rid)


def _component(nodes: dict[int, iort.Node], mapping: iort.Mapping) -> ItsGroup | None:
    """What one mapping of a named component reaches: iort_node_get_id() wants single ones."""
    if not mapping.flags & _SINGLE:
        return None
    return _climb(nodes, nodes.get(mapping.output_reference), mapping.output_base)


def _climb(nodes: dict[int, iort.Node], node: iort.Node | None, rid: int) -> ItsGroup | None:
    """iort_node_map_id() up to an ITS group."""
    for _ in range(_MAX_STEPS):  # references may form a circle
        if node is None:
            return None
        if isinstance(node.body, ItsGroup):
            return node.body
        step = _step(node, rid)
        if step is None:
            return None
        rid, reference = step
        node = nodes.get(reference)
    return None


def _step(node: iort.Node, rid: int) -> tuple[int, int] | None:
    """The output id and reference of the mapping that holds an id.

    A hit on the inclusive end of a range is provisional: a later range that begins there wins, as
    some firmware counts one too many.
    """
    own = _own_mapping(node)
    provisional: tuple[int, int] | None = None
    if node.mappings and not node.mappings[0].output_reference:
        return None  # the kernel calls it a bug of the firmware, and follows no other either
    for index, mapping in enumerate(node.mappings):
        if index == own:
            continue
        if mapping.flags & _SINGLE:
            if isinstance(node.body, RootComplex | NamedComponent):
                return mapping.output_base, mapping.output_reference
            continue
        last = (mapping.input_base + mapping.id_count) & _U32
        if not mapping.input_base <= rid <= last:
            continue
        if provisional is not None and mapping.input_base != rid:
            continue
        output = (mapping.output_base + rid - mapping.input_base) & _U32
        found = output, mapping.output_reference
        if mapping.id_count == 0 or rid != last:
            return found
        provisional = found
    return provisional


def _own_mapping(node: iort.Node) -> int | None:
    """The mapping that is for the SMMU's own interrupts: iort_get_id_mapping_index()."""
    smmu = node.body
    if not isinstance(smmu, SmmuV3) or node.revision < 1:
        return None
    if node.revision < _VALID_BIT_SINCE:
        wired = smmu.event_gsiv and smmu.pri_gsiv and smmu.gerr_gsiv and smmu.sync_gsiv
        return None if wired else smmu.device_id_mapping_index
    return smmu.device_id_mapping_index if smmu.flags & _DEVICE_ID_VALID else None
