"""A paragraph for the vendor of a faulty firmware: which machine, which table, which bytes."""

from __future__ import annotations

from vfioguard.cause.parts.machine import virtual
from vfioguard.fact import Fact, Reading, printable_bytes
from vfioguard.inference.host import Host

_END = (
    "Linux therefore leaves interrupt remapping off ({function}), and VFIO refuses to hand devices "
    "to virtual machines. Please correct the table."
)


def of_table(
    host: Host, name: str, table: Reading[bytes], *, fault: str, function: str
) -> str | None:
    """The paragraph, or None for a virtual machine, whose tables a program writes.

    `fault` is a sentence that names the offset and the bytes.
    """
    if virtual(host) is not None or not isinstance(table, Fact):
        return None
    return (
        f"{_machine(host)}: {_named(name, table.value)}. {fault} {_END.format(function=function)}"
    )


def _machine(host: Host) -> str:
    site = host.snapshot.site
    machine = host.snapshot.machine if site is None else site.machine
    if isinstance(machine, Fact):
        return f"{machine.value.vendor} {machine.value.product}"
    return "This machine (its name and firmware version: dmidecode -t bios -t system)"


def _named(name: str, raw: bytes) -> str:
    """A table by its header: ACPI 6.5 5.2.6."""
    oem, table = (
        printable_bytes(raw[place].rstrip(b"\0 ")) for place in (slice(10, 16), slice(16, 24))
    )
    revision = int.from_bytes(raw[24:28], "little")
    return f'ACPI table {name} (OEM id "{oem}", table id "{table}", revision {revision:#x})'
