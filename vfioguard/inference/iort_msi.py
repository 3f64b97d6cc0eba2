"""ACPI's way to an MSI domain on Arm: IORT from the root complex to an ITS group, MADT from there.

POLICY 3.8. What finds no ITS gets the GICv2m frames, if the kernel uses them
(pci_host_bridge_acpi_msi_domain()).
"""

from __future__ import annotations

from vfioguard.acpi import iort, madt
from vfioguard.acpi._iort_bodies import ItsGroup, NamedComponent
from vfioguard.acpi._madt_arm import Gicd, GicIts, GicMsiFrame, GicV5Its, GicV5ItsTranslate
from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import iort_ids
from vfioguard.inference.firmware_msi import Domain, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.pci_topology import requester_id, segment
from vfioguard.kernel.wiring import Wiring
from vfioguard.logic import Answer, ask, every, some

_GIC_V2 = 2


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
    return _its_group(nodes, iort_ids.root_complex(nodes, domain), rid)


def _component(nodes: dict[int, iort.Node], mapping: iort.Mapping) -> ItsGroup | None:
    """What one mapping of a named component reaches: iort_node_get_id() wants single ones."""
    if not mapping.single:
        return None
    return _its_group(nodes, nodes.get(mapping.output_reference), mapping.output_base)


def _its_group(nodes: dict[int, iort.Node], node: iort.Node | None, number: int) -> ItsGroup | None:
    found = iort_ids.follow(nodes, node, number, iort_ids.MSI)
    return found.node.body if found and isinstance(found.node.body, ItsGroup) else None
