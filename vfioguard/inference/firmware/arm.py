"""The MSI controllers that MADT and IORT of a machine that is not an x86 offer, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.typed import Protocol


class _Decoded(Protocol):
    @property
    def signature(self) -> str: ...
    @property
    def table(self) -> object | None: ...
    @property
    def state(self) -> str: ...


#: The class of an entry or node, and its name in singular and plural.
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
    kinds = {kind for table in decoded for kind in _kinds(table)}
    return any(table.table is not None and table.signature == "IORT" for table in decoded) or bool(
        kinds & _GIC
    )


def has_io_apic(decoded: Sequence[_Decoded]) -> bool:
    """Whether one of these tables is the MADT of an x86."""
    return any("IoApic" in _kinds(table) for table in decoded)


def sentence(decoded: Sequence[_Decoded]) -> str:
    """The sentence about the two tables, or why it cannot be said."""
    if any(map(_of_loongarch, decoded)):
        return "the MADT is a LoongArch's: none of its MSI controllers isolates"
    parts: list[str] = []
    for name, signature, known in (("MADT", "APIC", _MADT), ("IORT", "IORT", _IORT)):
        tables = [table for table in decoded if table.signature == signature]
        if not tables:
            parts.append(f"no {name} is given")
        elif tables[0].table is None:
            parts.append(f"{name} is {tables[0].state}")
        else:
            parts.append(f"{name} has {_counted(_kinds(tables[0]), known)}")
    return "; ".join(parts)


def _of_loongarch(decoded: _Decoded) -> bool:
    entries: Sequence[object] = (
        getattr(decoded.table, "entries", ()) if decoded.signature == "APIC" else ()
    )
    return any(getattr(entry, "type", None) in _LOONGARCH for entry in entries)


def _kinds(decoded: _Decoded) -> list[str]:
    """The class names of a table's entries; for an IORT, those of its nodes' bodies."""
    entries: Sequence[object] = getattr(decoded.table, "entries", ())
    nodes: Sequence[object] = getattr(decoded.table, "nodes", ())
    return [type(getattr(part, "body", part)).__name__ for part in (*entries, *nodes)]


def _counted(kinds: list[str], known: Sequence[tuple[str, str, str]]) -> str:
    counts = ((kinds.count(kind), single, plural) for kind, single, plural in known)
    words = [f"{n} {single if n == 1 else plural}" for n, single, plural in counts if n]
    return ", ".join(words) or f"no {known[0][1]} and no {known[1][1]}"
