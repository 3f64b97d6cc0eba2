"""IVMDs and their devices (AMD 48882 5.2.2.2).

drivers/iommu/amd/init.c init_unity_map_range(), drivers/iommu/amd/iommu.c
amd_iommu_get_resv_regions(): a device has the memory if its id is in the range. Exclusion is taken
as a one to one mapping, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.acpi._ivrs_entries import AcpiHid
from vfioguard.acpi.ivrs import Ivhd, Ivmd, Ivrs, kernel_ivhd_type
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.functions import Function, Index
from vfioguard.inference.memory import Memory, holder, pages

_ALL, _ONE = 0x20, 0x21


def memory(table: Fact[Ivrs], index: Index) -> Iterator[Memory]:
    """Every IVMD in the order of the table."""
    for block in table.value.blocks:
        if isinstance(block, Ivmd):
            yield _memory(table, block, index)


def _memory(table: Fact[Ivrs], block: Ivmd, index: Index) -> Memory:
    start = pages(block.start)
    end = start + max(pages(block.memory_length), 1) - 1
    place = "IVMD", start, end, table.source, block.offset
    if not (block.unity or block.exclusion):
        why = "neither unity nor exclusion: Linux ignores it"
        return Memory(*place, (), (Gap(Why.ABSENT, table.source, why),))
    first, last = _range(block)
    found = list(index.between(block.segment, first, last))
    missing: list[str] = []
    for hid in _hids(table.value, block.segment, first, last):
        named = [one for one in index.all if one.bdf is None and _is(one, hid)]
        if len(named) == 1:
            found += named
        else:
            missing.append(f"{hid}: {len(named) or 'no'} such devices here")
    if not found and not missing:
        ids = place_of(first) if first == last else f"{place_of(first)} to {place_of(last)}"
        missing.append(f"{block.segment:04x}:{ids}: no such device here")
    gaps = tuple(Gap(Why.ABSENT, table.source, why) for why in missing)
    holders = tuple(holder(one, start, end, relaxable=False) for one in found)
    return Memory(*place, holders, gaps)


def _range(block: Ivmd) -> tuple[int, int]:
    if block.type == _ALL:
        return 0, 0xFFFF
    return block.device_id, block.device_id if block.type == _ONE else block.auxiliary


def _hids(table: Ivrs, segment: int, first: int, last: int) -> list[str]:
    """What only ACPI names and the range holds."""
    chosen = kernel_ivhd_type(table.blocks)
    return [
        entry.hid
        for block in table.blocks
        if isinstance(block, Ivhd) and block.type == chosen and block.segment == segment
        for entry in block.entries
        if isinstance(entry, AcpiHid) and first <= entry.device_id <= last
    ]


def _is(function: Function, hid: str) -> bool:
    """The kernel calls an ACPI device by its HID and a number: AMDI0020:00."""
    return function.device.name.partition(":")[0] == hid


def place_of(device: int) -> str:
    """ "00:14.0" of a requester id."""
    return f"{device >> 8:02x}:{device >> 3 & 31:02x}.{device & 7:x}"
