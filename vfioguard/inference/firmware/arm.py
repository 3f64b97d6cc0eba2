"""What the MADT and the IORT of other machines than x86 offer for MSIs, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class _Decoded(Protocol):
    @property
    def signature(self) -> str: ...
    @property
    def table(self) -> object | None: ...
    @property
    def state(self) -> str: ...


#: Class of an entry or node -> how one is called.
_MADT = (
    ("GicIts", "ITS", "ITSs"),
    ("GicMsiFrame", "GICv2m frame", "GICv2m frames"),
    ("GicV5Its", "GICv5 ITS", "GICv5 ITSs"),
    ("Imsic", "IMSIC", "IMSICs"),
)
_IORT = (
    ("ItsGroup", "ITS group", "ITS groups"),
    ("SmmuV3", "SMMUv3", "SMMUv3s"),
    ("Smmu", "SMMU", "SMMUs"),
    ("Rmr", "reserved memory node", "reserved memory nodes"),
)
#: Types of the entries that a LoongArch's MADT has, CORE_PIC to LPC_PIC (ACPI 6.5 table 5.21).
_LOONGARCH = range(0x11, 0x18)
_GIC = frozenset({"Gicc", "Gicd", "GicIts", "GicMsiFrame", "Gicr", "GicV5Irs", "GicV5Its"})


def has_gic(decoded: Sequence[_Decoded]) -> bool:
    """Whether these are the tables of an Arm."""
    kinds = {kind for one in decoded for kind in _kinds(one)}
    return any(one.table is not None and one.signature == "IORT" for one in decoded) or bool(
        kinds & _GIC
    )


def has_io_apic(decoded: Sequence[_Decoded]) -> bool:
    """Whether there is the MADT of an x86."""
    return any("IoApic" in _kinds(one) for one in decoded)


def sentence(decoded: Sequence[_Decoded]) -> str:
    """What the two tables offer, or why that is not known."""
    if any(map(_of_loongarch, decoded)):
        return "the MADT is a LoongArch's: none of its MSI controllers isolates"
    parts: list[str] = []
    for name, signature, known in (("MADT", "APIC", _MADT), ("IORT", "IORT", _IORT)):
        found = [one for one in decoded if one.signature == signature]
        if not found:
            parts.append(f"no {name} is given")
        elif found[0].table is None:
            parts.append(f"{name} is {found[0].state}")
        else:
            parts.append(f"{name} has {_counted(_kinds(found[0]), known)}")
    return "; ".join(parts)


def _of_loongarch(one: _Decoded) -> bool:
    entries: Sequence[object] = getattr(one.table, "entries", ()) if one.signature == "APIC" else ()
    return any(getattr(entry, "type", None) in _LOONGARCH for entry in entries)


def _kinds(one: _Decoded) -> list[str]:
    """The classes of a table's entries, of an IORT those of its nodes' bodies."""
    entries: Sequence[object] = getattr(one.table, "entries", ())
    nodes: Sequence[object] = getattr(one.table, "nodes", ())
    return [type(getattr(each, "body", each)).__name__ for each in (*entries, *nodes)]


def _counted(kinds: list[str], known: Sequence[tuple[str, str, str]]) -> str:
    counts = ((kinds.count(kind), single, plural) for kind, single, plural in known)
    words = [f"{n} {single if n == 1 else plural}" for n, single, plural in counts if n]
    return ", ".join(words) or f"no {known[0][1]} and no {known[1][1]}"
