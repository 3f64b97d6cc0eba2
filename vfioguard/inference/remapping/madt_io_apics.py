"""The IO-APICs of a MADT that Linux registers, as far as the table alone tells.

arch/x86/kernel/apic/io_apic.c mp_register_ioapic(), bad_ioapic_register() (5.10.223 to 7.3.4). Only
an IO-APIC's registers tell how many pins it has, and whether it is there at all: the kernel skips
one that reads all ones.
"""

from __future__ import annotations

from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi.madt import IoApic, Madt

#: MAX_IO_APICS of 64-bit kernels; only these remap interrupts. acpi_table_parse_madt() hands over
#: no more entries, skipped ones included.
_MAX_IO_APICS = 128
#: The pins of the 82093AA and of most later IO-APICs. If the next IO-APIC begins after fewer GSIs,
#: either this one has fewer pins, or the kernel finds the GSIs of the next one taken.
_PINS = 24


class Registered(NamedTuple):
    """An IO-APIC; `certain`: the kernel does not skip it, if its registers are there."""

    entry: IoApic
    certain: bool


def registered(madt: Madt) -> list[Registered]:
    """The IO-APICs that the kernel does not certainly skip, in the table's order."""
    from vfioguard.acpi.madt import IoApic

    kept: list[Registered] = []
    entries = [entry for entry in madt.entries if isinstance(entry, IoApic)]
    for entry in entries[:_MAX_IO_APICS]:
        rivals = [rival for rival in kept if _conflict(entry, rival.entry)]
        # bad_ioapic() of older kernels: "Bogus (zero) I/O APIC address found, skipping!"
        if entry.address and not any(
            rival.certain and _surely(entry, rival.entry) for rival in rivals
        ):
            kept.append(Registered(entry, not rivals))
    return kept


def addresses_repeat(madt: Madt) -> bool:
    """Whether two IO-APICs share an address: a table so careless may list absent ones, too."""
    from vfioguard.acpi.madt import IoApic

    addresses = [
        entry.address for entry in madt.entries if isinstance(entry, IoApic) and entry.address
    ]
    return len(set(addresses)) < len(addresses)


def _conflict(entry: IoApic, earlier: IoApic) -> bool:
    """Whether the kernel may skip an entry because of an earlier one."""
    near = abs(entry.gsi_base - earlier.gsi_base) < _PINS
    return near or entry.address == earlier.address


def _surely(entry: IoApic, earlier: IoApic) -> bool:
    return entry.gsi_base == earlier.gsi_base or entry.address == earlier.address
