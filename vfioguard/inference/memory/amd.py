"""IVMDs and their devices (AMD 48882 5.2.2.2).

drivers/iommu/amd/init.c init_unity_map_range(), drivers/iommu/amd/iommu.c
amd_iommu_get_resv_regions(): a device has the memory if its id is in the range. Linux treats an
exclusion range as a one to one mapping, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from vfioguard.acpi.ivrs import Ivhd, Ivmd, Ivrs, kernel_ivhd_type
from vfioguard.acpi.parts.ivrs_entries import AcpiHid
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.functions import Function, Index
from vfioguard.inference.memory.region import ReservedRegion, holder, pages

_ALL, _ONE = 0x20, 0x21


def memory(table: Fact[Ivrs], index: Index) -> Iterator[ReservedRegion]:
    """Every IVMD in the order of the table."""
    named = _Named(table.value, index)
    for block in table.value.blocks:
        if isinstance(block, Ivmd):
            yield _memory(table, block, index, named)


def _memory(table: Fact[Ivrs], block: Ivmd, index: Index, named: _Named) -> ReservedRegion:
    start = pages(block.start)
    end = start + max(pages(block.memory_length), 1) - 1
    functions, missing = _devices(block, index, named)
    return ReservedRegion(
        kind="IVMD",
        start=start,
        end=end,
        source=table.source,
        offset=block.offset,
        holders=tuple(holder(function, start, end, relaxable=False) for function in functions),
        gaps=tuple(Gap(Why.ABSENT, table.source, why) for why in missing),
    )


def _devices(block: Ivmd, index: Index, named: _Named) -> tuple[list[Function], list[str]]:
    """The functions that have a block's memory, and in words what has no function here."""
    if not (block.unity or block.exclusion):
        return [], ["neither unity nor exclusion: Linux ignores it"]
    first, last = _range(block)
    functions = list(index.between(block.segment, first, last))
    missing: list[str] = []
    for hid in named.between(block.segment, first, last):
        devices = named.devices.get(hid, [])
        if len(devices) == 1:
            functions += devices
        else:
            missing.append(f"{hid}: {len(devices) or 'no'} such devices here")
    if not functions and not missing:
        ids = place_of(first) if first == last else f"{place_of(first)} to {place_of(last)}"
        missing.append(f"{block.segment:04x}:{ids}: no such device here")
    return functions, missing


def _range(block: Ivmd) -> tuple[int, int]:
    if block.type == _ALL:
        return 0, 0xFFFF
    return block.device_id, block.device_id if block.type == _ONE else block.auxiliary


class _Named:
    """The devices that only ACPI names: the table's entries by HID, and the host's devices."""

    def __init__(self, table: Ivrs, index: Index) -> None:
        chosen = kernel_ivhd_type(table.blocks)
        self._entries = sorted(
            (block.segment, entry.device_id, entry.offset, entry.hid)
            for block in table.blocks
            if isinstance(block, Ivhd) and block.type == chosen
            for entry in block.entries
            if isinstance(entry, AcpiHid)
        )
        #: HID -> devices: the kernel names an ACPI device by its HID and a number, AMDI0020:00.
        self.devices: dict[str, list[Function]] = {}
        for function in index.all:
            if function.bdf is None:
                hid = function.device.name.partition(":")[0]
                self.devices.setdefault(hid, []).append(function)

    def between(self, segment: int, first: int, last: int) -> Iterator[str]:
        """The HIDs of a segment with a requester id from `first` to `last`."""
        low = bisect_left(self._entries, (segment, first))
        high = bisect_left(self._entries, (segment, last + 1))
        return (hid for *_, hid in self._entries[low:high])


def place_of(device: int) -> str:
    """A requester id as text: "00:14.0"."""
    return f"{device >> 8:02x}:{device >> 3 & 31:02x}.{device & 7:x}"
