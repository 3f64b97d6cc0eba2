"""The ids by which AMD's driver knows an IO-APIC: the table's, the command line's and Linux's own.

drivers/iommu/amd/init.c add_special_device(), add_early_maps(); drivers/iommu/amd/quirks.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi.ivrs import Ivrs
    from vfioguard.kernel.identity.dmi import Machine

#: The variety of a special device.
IO_APIC = 1
#: EARLY_MAP_SIZE.
_MOST_OVERRIDES = 4
#: Vendor, product, and IO-APIC id -> requester id.
_QUIRKS: tuple[tuple[str, str, Mapping[int, int]], ...] = (
    ("Dell Inc.", "Inspiron 7375", {4: 0xA0, 5: 0x02}),
    ("Dell Inc.", "Latitude 5495", {4: 0xA0}),
    ("Acer", "Aspire A315-41", {4: 0xA0}),
    ("LENOVO", "81FB", {32: 0xA0}),
)
# parse_ivrs_ioapic(): "[10]=00:14.0", "[10]=0000:00:14.0", "=10@00:14.0", "=10@0000:00:14.0".
# sscanf() reads them, so a number may begin with 0x, and what follows the last one is ignored.
_NUMBER = r"((?:0[xX])?[0-9a-fA-F]{1,8})"
_OVERRIDE = re.compile(
    r"ivrs[_-]ioapic(?:\[(\d{1,9})\]=|=(\d{1,9})@)"
    rf"(?:{_NUMBER}:)?{_NUMBER}:{_NUMBER}\.{_NUMBER}"
)


class Syntax(NamedTuple):
    """What parse_ivrs_ioapic() takes beside "[10]=00:14.0".

    `segment`: also "[10]=0000:00:14.0". `at_sign`: also "=10@" instead of "[10]=".
    """

    segment: bool
    at_sign: bool


def special_io_apics(table: Ivrs) -> dict[int, int]:
    """IO-APIC id -> segment and requester id, from the blocks that the kernel looks at."""
    from vfioguard.acpi.ivrs import Ivhd, kernel_ivhd_type
    from vfioguard.acpi.parts.ivrs_entries import Special

    chosen = kernel_ivhd_type(table.blocks)
    places: dict[int, int] = {}
    for block in table.blocks:
        if not isinstance(block, Ivhd) or block.type != chosen:
            continue
        segment = block.segment << 16
        for entry in block.entries:
            if isinstance(entry, Special) and entry.variety == IO_APIC:
                places.setdefault(entry.handle, segment | entry.source_device_id)
    return places


def syntaxes(version: Version | None) -> list[Syntax]:
    """The syntaxes that a kernel of this version may have, the newest first."""
    at_sign, segment = (b.passed(version) for b in (borders.IVRS_AT, borders.IVRS_SEGMENT))
    every = (
        Syntax(segment=True, at_sign=True),
        Syntax(segment=True, at_sign=False),
        Syntax(segment=False, at_sign=False),
    )
    return [
        syntax
        for syntax in every
        if at_sign in {None, syntax.at_sign} and segment in {None, syntax.segment}
    ]


def overrides(words: Sequence[str], syntax: Syntax) -> dict[int, int]:
    """IO-APIC id -> segment and requester id, from `ivrs_ioapic=` on the command line.

    These win over the table (add_early_maps()). The first one for an id counts, of at most
    EARLY_MAP_SIZE.
    """
    matches = [match for word in words if (match := _OVERRIDE.match(word))]
    taken = [
        m for m in matches if (m[2] is None or syntax.at_sign) and (m[3] is None or syntax.segment)
    ]
    places: dict[int, int] = {}
    for match in taken[:_MOST_OVERRIDES]:
        old, new, segment, *place = match.groups()
        bus, device, function = (int(part, 16) for part in place)
        device_id = bus % 0x100 << 8 | device % 0x20 << 3 | function % 8  # IVRS_GET_SBDF_ID()
        device_id |= int(segment or "0", 16) % 0x10000 << 16
        places.setdefault(int(old or new), device_id)
    return places


def quirks(machine: Reading[Machine]) -> Reading[Mapping[int, int]]:
    """IO-APIC id -> requester id, as Linux adds them for a machine (drivers/iommu/amd/quirks.c)."""
    if isinstance(machine, Gap):
        return machine
    places: Mapping[int, int] = {}
    for vendor, product, added in _QUIRKS:
        # DMI_MATCH() compares a part of the name; callbacks run one after another.
        if vendor in machine.value.vendor and product in machine.value.product:
            places = {**added, **places}
    return Fact(places, machine.raw, machine.source)
