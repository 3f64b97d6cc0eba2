"""The firmware tables that bear on interrupts, decoded for whoever asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

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

if TYPE_CHECKING:
    from vfioguard.acpi import BadTable
    from vfioguard.inference.firmware.references import Lost

#: Tables whose structures refer to each other.
_REFERRING = frozenset({"IORT", "VIOT", "RIMT"})


class Decoded(NamedTuple):
    """One table. `gap`: it could not be read; `broken`: it makes no sense from there on.

    `lost`: what of it leads nowhere; of a broken table nobody knows what its references lead to.
    """

    signature: str
    source: str
    table: object | None
    broken: BadTable | None = None
    gap: Gap | None = None
    lost: tuple[Lost, ...] = ()

    @property
    def state(self) -> str:
        """present, malformed, absent, denied, hidden or failed."""
        if self.gap is not None:
            return acpi_tables.state(self.gap)
        return "present" if self.broken is None else "malformed"


class Firmware(NamedTuple):
    """The sentence that matters, and the tables.

    `remapping` is None on other machines than x86; `memory`, what firmware keeps for devices, is
    None for tables from elsewhere, as their devices are not here.
    """

    sentence: str
    remapping: Possible | None
    tables: tuple[Decoded, ...]
    memory: reserved.Found | None = None


class Given(NamedTuple):
    """A table out of a file from elsewhere, or that the file stops being tables."""

    signature: str
    source: str
    raw: bytes
    broken: BadTable | None = None


def of_host(snapshot: Snapshot) -> Firmware:
    """The tables of a host that was read."""
    found = snapshot.acpi
    decoded = tuple(map(_decode, acpi_tables.FILES, found._fields, found))
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
    """Tables from elsewhere; what they leave open stays open."""
    from vfioguard import acpi

    leaves = {acpi.table(leaf).signature: leaf for leaf in acpi.leaves()}
    decoded: list[Decoded] = []
    for one in given:
        if one.broken is not None:
            decoded.append(
                Decoded(signature=one.signature, source=one.source, table=None, broken=one.broken)
            )
        elif one.signature in leaves:
            raw = Fact(one.raw, one.raw, one.source)
            decoded.append(_decode(one.signature, leaves[one.signature], raw))
    kept = tuple(decoded)
    x86 = {"DMAR", "IVRS"} & {one.signature for one in kept} or arm.has_io_apic(kept)
    if arm.has_gic(kept) or not x86:
        return Firmware(arm.sentence(kept), None, kept)
    remapping = allowed.possible(_evidence(given))
    return Firmware(remapping.sentence, remapping, kept)


def _evidence(given: Sequence[Given]) -> Evidence:
    def readings(signature: str) -> tuple[Reading[bytes], ...]:
        found = [one for one in given if one.signature == signature and one.broken is None]
        missing = Gap(Why.ABSENT, "the files given", f"no {signature} is among them")
        return tuple(Fact(one.raw, one.raw, one.source) for one in found) or (missing,)

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
