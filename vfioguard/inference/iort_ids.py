"""Following an id through an IORT: drivers/acpi/arm64/iort.c iort_node_map_id(), iort_id_map()."""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.acpi import iort
from vfioguard.acpi._iort_bodies import Body, ItsGroup, NamedComponent, RootComplex, Smmu, SmmuV3

_SINGLE = 1
_U32 = 0xFFFFFFFF
_MAX_STEPS = 64
#: From node revision 5 a flag says whether an SMMUv3's mapping index is meant (IORT E.e).
_VALID_BIT_SINCE = 5
_DEVICE_ID_VALID = 1 << 4

#: What an id may be followed to.
MSI: tuple[type[Body], ...] = (ItsGroup,)
IOMMU: tuple[type[Body], ...] = (Smmu, SmmuV3)


class Reached(NamedTuple):
    """A node, and the id that arrives there."""

    node: iort.Node
    id: int


def root_complex(nodes: dict[int, iort.Node], segment: int | None) -> iort.Node | None:
    """The first root complex of a PCI segment."""
    for node in nodes.values():
        if isinstance(node.body, RootComplex) and node.body.segment == segment:
            return node
    return None


def follow(
    nodes: dict[int, iort.Node],
    node: iort.Node | None,
    number: int,
    kinds: tuple[type[Body], ...],
) -> Reached | None:
    """The first node of a kind that an id reaches, or None."""
    for _ in range(_MAX_STEPS):  # references may form a circle
        if node is None:
            return None
        if isinstance(node.body, kinds):
            return Reached(node, number)
        step = _step(node, number)
        if step is None:
            return None
        number, reference = step
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
