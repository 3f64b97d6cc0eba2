"""Whether the DMAR lets Linux remap interrupts (policy.md 3.8; VT-d 5.0 chapters 5 and 8).

drivers/iommu/intel/irq_remapping.c intel_prepare_irq_remapping(), parse_ioapics_under_ir().
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference.remapping.parts import Part, io_apics, part, unreadable
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.logic import Claim
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.acpi.dmar import Andd, Dmar, Drhd
    from vfioguard.acpi.madt import Madt

_IO_APIC_SCOPE = 3
#: PAGE_SHIFT - 1: the least host address width that parse_dmar_table() takes.
_LEAST_WIDTH = 11
_ANDD_HEAD = 8
_REJECTED = "dmar_rejected"


def conditions(
    dmar: Reading[Dmar], madts: Sequence[Reading[Madt]], ecaps: Mapping[int, Reading[int]]
) -> list[Part]:
    """The conditions of Intel's remapping; `ecaps` maps a unit's register base to its ECAP."""
    if isinstance(dmar, Gap):
        return [unreadable("DMAR", dmar)]
    drhds = units(dmar.value)
    return [
        _allowed(dmar),
        *_rejected(dmar, drhds),
        _supported(dmar, drhds, ecaps),
        io_apics("DMAR", dmar, covered(drhds), madts),
    ]


def units(table: Dmar) -> list[Drhd]:
    """The remapping units; the first one for each register base counts (dmar_find_dmaru())."""
    from vfioguard.acpi.dmar import Drhd

    first_units: dict[tuple[int, int], Drhd] = {}
    for unit in table.units:
        if isinstance(unit, Drhd):
            first_units.setdefault((unit.segment, unit.base), unit)
    return list(first_units.values())


def covered(drhds: Sequence[Drhd]) -> set[int]:
    """The ids of the IO-APICs in the scopes of any unit."""
    from vfioguard.acpi.dmar import Scope

    scopes = (scope for unit in drhds for scope in unit.scopes if isinstance(scope, Scope))
    return {scope.enumeration_id for scope in scopes if scope.type == _IO_APIC_SCOPE}


def _allowed(dmar: Fact[Dmar]) -> Part:
    """Whether the table's flag allows remapping: dmar_ir_support()."""
    claim = Claim(
        "the DMAR allows interrupt remapping (INTR_REMAP)",
        "the DMAR does not allow interrupt remapping (INTR_REMAP is clear)",
    )
    if dmar.value.intr_remap:
        return part("DMAR allows interrupt remapping", claim, True, dmar)
    text = "DMAR does not allow interrupt remapping (INTR_REMAP is clear)"
    return part(text, claim, False, dmar, kind="dmar_forbids")


def _rejected(dmar: Fact[Dmar], drhds: Sequence[Drhd]) -> list[Part]:
    """The fault that makes the kernel do without the whole table, if there is one.

    parse_dmar_table(), alloc_iommu(), dmar_parse_one_andd().
    """
    from vfioguard.acpi.dmar import Andd

    if not drhds:
        fault = "DMAR has no remapping unit"
    elif not all(unit.base for unit in drhds):
        fault = "DMAR has a remapping unit at address 0"
    elif dmar.value.host_address_width < _LEAST_WIDTH:
        fault = "DMAR has no host address width"
    elif not all(_ends(andd) for andd in dmar.value.units if isinstance(andd, Andd)):
        fault = "DMAR has an ACPI name without an end"
    else:
        return []
    claim = Claim("the kernel accepts the DMAR", f"the kernel does without the DMAR: {fault}")
    return [part(fault, claim, False, dmar, kind=_REJECTED)]


def _ends(andd: Andd) -> bool:
    """Whether a NUL ends the name inside the structure."""
    return len(andd.name) < andd.length - _ANDD_HEAD


def _supported(dmar: Fact[Dmar], drhds: Sequence[Drhd], ecaps: Mapping[int, Reading[int]]) -> Part:
    """Whether every unit can remap: one without ECAP.IR, even for graphics, spoils it for all."""
    claim = "every remapping unit can remap interrupts (ECAP.IR)"
    known: dict[int, Fact[int]] = {}
    for unit in drhds:
        ecap = ecaps.get(unit.base)
        if isinstance(ecap, Fact):
            known[unit.base] = ecap
    for base, ecap in known.items():
        if not ecap.value & ECAP_IR:
            text = f"the unit at {base:#x} cannot remap interrupts (ECAP.IR is clear)"
            return part(text, Claim(claim, text), False, ecap, kind="unit_cannot_remap")
    count = len(drhds)
    able = sum(unit.base in known for unit in drhds)
    if able == count:
        return part(f"{able} of {count} units support it", claim, True, dmar, *known.values())
    # The tables do not show ECAP.IR, and sysfs does not show a unit that translates nothing.
    text = f"of {count} units {able} are known to support it" if able else f"{count} units"
    return Part(text if count != 1 else "1 unit", None)
