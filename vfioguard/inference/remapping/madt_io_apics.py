"""Which IO-APICs of a MADT Linux registers, as far as the table alone tells.

arch/x86/kernel/apic/io_apic.c mp_register_ioapic(), bad_ioapic_register() (5.10.223 to 7.3.4). What
its registers say no table tells: how many pins an IO-APIC has, and whether it is there at all (one
that reads all ones is skipped).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi.madt import IoApic, Madt

#: MAX_IO_APICS of 64-bit kernels, which alone remap interrupts; acpi_table_parse_madt() hands over
#: no more entries, skipped ones included.
_MAX_IO_APICS = 128
#: The pins of the 82093AA and of most since. Firmware that gives an IO-APIC fewer GSIs before the
#: next begins may have one with fewer pins, or one whose GSIs the kernel finds taken.
_PINS = 24


class Registered(NamedTuple):
    """An IO-APIC; `certain`: the kernel does not skip it, if its registers are there."""

    entry: IoApic
    certain: bool


def registered(madt: Madt) -> list[Registered]:
    """Those that the kernel does not certainly skip, in the table's order."""
    from vfioguard.acpi.madt import IoApic

    kept: list[Registered] = []
    entries = [entry for entry in madt.entries if isinstance(entry, IoApic)]
    for entry in entries[:_MAX_IO_APICS]:
        rivals = [one for one in kept if _conflict(entry, one.entry)]
        # bad_ioapic() of old: "Bogus (zero) I/O APIC address found, skipping!"
        if entry.address and not any(one.certain and _surely(entry, one.entry) for one in rivals):
            kept.append(Registered(entry, not rivals))
    return kept


def addresses_repeat(madt: Madt) -> bool:
    """Whether the table is careless of what is there; then it may as well list what is not."""
    from vfioguard.acpi.madt import IoApic

    found = [entry.address for entry in madt.entries if isinstance(entry, IoApic) and entry.address]
    return len(set(found)) < len(found)


def _conflict(entry: IoApic, earlier: IoApic) -> bool:
    """Whether the kernel may skip an entry for an earlier one."""
    near = abs(entry.gsi_base - earlier.gsi_base) < _PINS
    return near or entry.address == earlier.address


def _surely(entry: IoApic, earlier: IoApic) -> bool:
    return entry.gsi_base == earlier.gsi_base or entry.address == earlier.address
