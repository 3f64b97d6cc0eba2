"""ACPI's way to an MSI domain on Arm: the IORT leads to an ITS group, the MADT to the ITS.

policy.md 3.8. A function that finds no ITS gets the GICv2m frames, if the kernel uses them
(pci_host_bridge_acpi_msi_domain()).
"""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.acpi import iort, madt
from vfioguard.acpi.parts.iort_bodies import ItsGroup, NamedComponent
from vfioguard.acpi.parts.madt_arm import Gicd, GicIts, GicMsiFrame, GicV5Its, GicV5ItsTranslate
from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders, iort_ids
from vfioguard.inference.borders import Version
from vfioguard.inference.msi_domain.claims import place_known, rid_known
from vfioguard.inference.msi_domain.devicetree_buses import is_dprc
from vfioguard.inference.msi_domain.its import Its, Itss
from vfioguard.inference.msi_domain.resolution import Domain, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.firmware.wiring import Wiring
from vfioguard.kernel.pci.pci_topology import requester_id, segment
from vfioguard.logic import Answer, Claim, ask, every, some

_GIC_V2 = 2
_MADT_HAS = Claim("the MADT has that ITS", "the MADT lacks the ITS that IORT names")
_FRAMES = Claim(
    "the kernel uses the GICv2m frames of the MADT", "the kernel uses no GICv2m frame of the MADT"
)
_ALL_ISOLATE = Claim(
    "every MSI controller of the MADT isolates", "an MSI controller of the MADT does not isolate"
)


class IortDomains:
    """Resolves devices of an Arm host that booted with ACPI."""

    def __init__(
        self,
        table: Fact[madt.Madt],
        mappings: Reading[iort.Iort],
        wiring: Wiring,
        itss: Itss,
        version: Version | None,
    ) -> None:
        self._iort = mappings
        self._wiring = wiring
        self._madt = table
        self._itss = itss
        self._version = version
        entries = table.value.entries
        #: Identifier in an ITS group of the IORT -> ITS.
        self._its = _v3(entries) | _v5(entries)
        self._frames = [e for e in entries if isinstance(e, GicMsiFrame)]
        self._gic = {e.version for e in entries if isinstance(e, Gicd)}
        if self._gic == {_GIC_V2}:  # a GICv2's driver knows no ITS
            self._its = {}

    def domain(self, device: Device) -> Domain:
        """The domain of one device."""
        return self._pci(device.name) if is_pci(device.name) else self._other(device)

    def _pci(self, name: str) -> Domain:
        place = self._wiring.places.get(name)
        if place is None or isinstance(place, Gap):
            return unknown(place_known(name), place or self._madt)
        chain = [self._mapped(name)]
        chain += [self._mapped(above) for above in reversed(place.value.bridges)]
        chain.append(self._v2m(name))
        return first_of(name, chain)

    def _mapped(self, name: str) -> Domain:
        table = self._iort
        if isinstance(table, Gap):
            return self._no_table(_to_an_its(name), table)
        rid = requester_id(name, self._wiring.places)
        if isinstance(rid, Gap):
            return unknown(rid_known(name), rid)
        claim = _to_an_its(f"{name} (id {rid:#x})")
        group = resolve(iort_ids.nodes(table), segment(name), rid)
        if group is None:
            return no_domain(claim, table)
        its = self._first(group)
        parts = [
            ask(claim, table, lambda _: True),
            ask(_MADT_HAS, self._madt, lambda _: its is not None),
        ]
        in_use = Claim(claim, f"IORT maps {name} (id {rid:#x}) to an ITS that is not in use")
        exists = every(in_use, parts if its is None else [*parts, self._itss.used(its)])
        return Domain(exists, exists)

    def _first(self, group: ItsGroup) -> Its | None:
        """The first ITS of a group, which alone counts (iort_dev_find_its_id()), or None."""
        return self._its.get(group.its_ids[0]) if group.its_ids else None

    def _no_table(self, claim: str, gap: Gap) -> Domain:
        """The result of a lookup without an IORT: no domain if it is absent, else unknown.

        It is absent if the tables are listed and it is not among them.
        """
        if gap.why == "absent":
            return no_domain(claim, self._madt)
        return unknown(claim, gap)

    def _other(self, device: Device) -> Domain:
        """The domain of a device that is not PCI.

        Only a named component that reaches an ITS has one, and nothing tells which device it is.
        """
        table = self._iort
        claim = _to_an_its(device.name)
        if device.bus == "fsl-mc" and self._inherits_nothing(device):
            inherits = Claim(claim, f"{device.name} inherits no MSI domain from its DPRC")
            return no_domain(inherits, device.uevent)
        if isinstance(table, Gap):
            return self._no_table(claim, table)
        nodes = iort_ids.nodes(table)
        for node in nodes.by_offset.values():
            if isinstance(node.body, NamedComponent) and self._may_reach(nodes, node, device):
                return unknown(claim, table)
        return no_domain(claim, table)

    def _inherits_nothing(self, device: Device) -> bool:
        """Whether this is an object of a DPRC, which has no domain from 7.2 on."""
        return borders.FSL_MC_DPRC_ALONE.passed(self._version) is True and not is_dprc(device)

    def _may_reach(self, nodes: iort_ids.Nodes, node: iort.Node, device: Device) -> bool:
        """Whether a component may reach an ITS for this device.

        fsl-mc is mapped by an ICID that no file shows, so any mapping may do.
        """
        if device.bus == "fsl-mc":
            return bool(node.mappings)
        groups = (_component(nodes, mapping) for mapping in node.mappings)
        return any(group is not None and self._first(group) is not None for group in groups)

    def _v2m(self, name: str) -> Domain:
        """The domain of the MADT's GICv2m frames: used on a GICv2, or on a GICv3 without LPIs."""
        if not self._frames:
            return no_domain(_FRAMES, self._madt)
        isolates = Claim("GICv2m isolates MSIs", f"{name} has no isolated MSIs (GICv2m)")
        no = ask(isolates, self._madt, lambda _: False)
        return Domain(self._uses_frames(), no)

    def _uses_frames(self) -> Answer:
        if self._gic == {_GIC_V2}:
            return ask(_FRAMES, self._madt, lambda _: True)
        return every(_FRAMES, (~self._itss.lpis(),))

    def all_isolated(self) -> Answer:
        """Whether the machine has no MSI domain without isolation (v4.11 to v6.2)."""
        if not self._frames:
            return ask(_ALL_ISOLATE, self._madt, lambda _: True)
        return some(_ALL_ISOLATE, (~self._uses_frames(),))


def _to_an_its(what: str) -> Claim:
    return Claim(f"IORT maps {what} to an ITS", f"IORT maps {what} to no ITS")


def _v3(entries: Sequence[object]) -> dict[int, Its]:
    itss = [entry for entry in entries if isinstance(entry, GicIts)]
    alone = len(itss) == 1
    return {entry.translation_id: Its(base=entry.base, alone=alone) for entry in itss}


def _v5(entries: Sequence[object]) -> dict[int, Its]:
    """Translate frame -> its ITS (irq-gic-v5-its.c gic_acpi_parse_madt_its_translate())."""
    bases = {entry.translator_id: entry.base for entry in entries if isinstance(entry, GicV5Its)}
    return {
        # irq_domain_alloc_fwnode(): "irqchip@%pa"
        frame.translate_frame_id: Its(base, len(bases) == 1, f"irqchip@{base:#018x}")
        for frame in entries
        if isinstance(frame, GicV5ItsTranslate)
        and (base := bases.get(frame.linked_translator_id)) is not None
    }


def resolve(nodes: iort_ids.Nodes, domain: int | None, rid: int) -> ItsGroup | None:
    """The ITS group that requester id `rid` of PCI segment `domain` reaches, or None."""
    return _its_group(nodes, nodes.root_complex(domain), rid)


def _component(nodes: iort_ids.Nodes, mapping: iort.Mapping) -> ItsGroup | None:
    """The ITS group that a mapping of a named component reaches, or None.

    iort_node_get_id() wants single mappings.
    """
    if not mapping.single:
        return None
    return _its_group(nodes, nodes.by_offset.get(mapping.output_reference), mapping.output_base)


def _its_group(nodes: iort_ids.Nodes, node: iort.Node | None, number: int) -> ItsGroup | None:
    reached = nodes.follow(node, number, iort_ids.MSI)
    return reached.node.body if reached and isinstance(reached.node.body, ItsGroup) else None
