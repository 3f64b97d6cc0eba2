"""The firmware tables that bear on interrupts, decoded."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import tables
from vfioguard.inference.firmware import arm
from vfioguard.inference.memory import reserved
from vfioguard.inference.remapping import allowed
from vfioguard.inference.remapping.allowed import Evidence
from vfioguard.inference.remapping.parts import Possible
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi import BadTable
    from vfioguard.inference.firmware.references import Lost

#: Tables whose structures refer to each other.
_REFERRING = frozenset({"IORT", "VIOT", "RIMT"})


class Decoded(NamedTuple):
    """One table. `gap` says why it could not be read, `broken` from where on it makes no sense.

    `lost` are its references that lead nowhere; it is empty if the table is broken, because then
    nobody knows where its references lead.
    """

    signature: str
    source: str
    table: object | None
    broken: BadTable | None = None
    gap: Gap | None = None
    lost: tuple[Lost, ...] = ()

    @property
    def state(self) -> str:
        """One of present, malformed, absent, denied, hidden and failed."""
        if self.gap is not None:
            return acpi_tables.state(self.gap)
        return "present" if self.broken is None else "malformed"


class Firmware(NamedTuple):
    """The sentence that matters, and the tables.

    `remapping` is None if the machine is not an x86. `memory` is the memory that firmware keeps for
    devices; it is None for tables from elsewhere, because their devices are not here.
    """

    sentence: str
    remapping: Possible | None
    tables: tuple[Decoded, ...]
    memory: reserved.ReservedMemory | None = None


class Given(NamedTuple):
    """A table from a file from elsewhere; `broken` says where a file stops to hold tables."""

    signature: str
    source: str
    raw: bytes
    broken: BadTable | None = None


def of_host(snapshot: Snapshot) -> Firmware:
    """Decode the tables of a host that was read."""
    acpi = snapshot.acpi
    decoded = tuple(map(_decode, acpi_tables.FILES, acpi._fields, acpi))
    memory = reserved.of_host(snapshot)
    arch = snapshot.kernel.arch
    x86 = is_x86(arch) if isinstance(arch, Fact) else not arm.has_gic(decoded)
    if not x86:
        return Firmware(
            sentence=arm.sentence(decoded), remapping=None, tables=decoded, memory=memory
        )
    remapping = allowed.of_host(snapshot)
    return Firmware(sentence=remapping.sentence, remapping=remapping, tables=decoded, memory=memory)


def of_files(given: Sequence[Given]) -> Firmware:
    """Decode tables from elsewhere; what they do not tell stays unknown."""
    from vfioguard import acpi

    leaves = {acpi.table(leaf).signature: leaf for leaf in acpi.leaves()}
    decoded: list[Decoded] = []
    for table in given:
        if table.broken is not None:
            decoded.append(
                Decoded(
                    signature=table.signature, source=table.source, table=None, broken=table.broken
                )
            )
        elif table.signature in leaves:
            raw = Fact(table.raw, table.raw, table.source)
            decoded.append(_decode(table.signature, leaves[table.signature], raw))
    kept = tuple(decoded)
    x86 = {"DMAR", "IVRS"} & {table.signature for table in kept} or arm.has_io_apic(kept)
    if arm.has_gic(kept) or not x86:
        return Firmware(arm.sentence(kept), None, kept)
    remapping = allowed.possible(_evidence(given))
    return Firmware(remapping.sentence, remapping, kept)


def _evidence(given: Sequence[Given]) -> Evidence:
    def readings(signature: str) -> tuple[Reading[bytes], ...]:
        parsed = [table for table in given if table.signature == signature and table.broken is None]
        missing = Gap(Why.ABSENT, "the files given", f"no {signature} is among them")
        return tuple(Fact(table.raw, table.raw, table.source) for table in parsed) or (missing,)

    return Evidence(readings("DMAR")[0], readings("IVRS")[0], readings("APIC"))


def _decode(signature: str, leaf: str, reading: Reading[bytes]) -> Decoded:
    if isinstance(reading, Gap):
        return Decoded(
            signature=signature, source=reading.source, table=None, broken=None, gap=reading
        )
    table, broken = tables.parse(leaf, reading.value)
    if broken is not None or signature not in _REFERRING:
        return Decoded(signature=signature, source=reading.source, table=table, broken=broken)
    from vfioguard.inference.firmware.references import lost  # three parsers for one table in ten

    return Decoded(signature, reading.source, table, lost=lost(table))
