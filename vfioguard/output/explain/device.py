"""What firmware says about a group's devices, or about a device in no group; no verdict."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.folding import rows
from vfioguard.inference import tables
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.iommu_groups import Region
from vfioguard.kernel.members import Members
from vfioguard.snapshot import Snapshot

_REFUSED = "an attach is refused whatever the interrupts (EINVAL from v6.6%s)"
#: drivers/iommu/intel/iommu.c device_is_rmrr_locked().
_BEFORE = ", before by Intel EPERM"

#: If there are no more lines about memory than these, none is folded.
_EACH = 8

_TYPES = {"direct": "direct", "direct-relaxable": "direct-relaxable (given up for a guest)"}


def memory_lines(snapshot: Snapshot, number: int) -> Iterator[str]:
    """Lines about memory that must stay mapped one to one for members of group `number`.

    Each line names its table or file. No table is parsed if the kernel shows that there is no such
    memory.
    """
    members = snapshot.group(number)
    if members is None:
        return
    kept = _direct(members)
    if kept is not None and not kept:
        return
    from vfioguard.inference.memory import reserved
    from vfioguard.inference.memory.region import by_device

    memory, gaps = reserved.of_host(snapshot)
    kept_for = by_device(memory)
    lines = [
        f"  {region.start:#x}-{region.end:#x}, {region.kind} in {region.source}: {device.name}"
        for device in members.devices
        for region in kept_for.get(device.name, ())
    ]
    source = members.group.reserved_regions.source
    lines += [f"  {r.start:#x}-{r.end:#x}, {_TYPES[r.type]} in {source}" for r in kept or ()]
    lines += [f"  {gap.source} may tell more: {gap.errno or gap.detail}" for gap in gaps]
    if not lines:
        return
    yield ""
    yield "memory that stays mapped one to one for its devices:"
    yield from lines if len(lines) <= _EACH else rows(lines)
    if any(region.type == "direct" for region in kept or ()):
        yield "  " + _REFUSED % (_BEFORE if is_x86(snapshot.kernel.arch) else "")


def _direct(members: Members) -> list[Region] | None:
    """The regions that the kernel maps one to one; None if its list cannot be read."""
    regions = members.group.reserved_regions
    if isinstance(regions, Gap):
        return None
    return [region for region in regions.value if region.type in _TYPES]


def unit_lines(snapshot: Snapshot, name: str) -> Iterator[str]:
    """The unit that the DMAR assigns to function `name`, for which sysfs shows no unit."""
    table = tables.dmar(snapshot.acpi.dmar)
    if isinstance(table, Gap):
        return
    from vfioguard.inference.dmar_scopes import unit_of
    from vfioguard.inference.functions import functions
    from vfioguard.inference.remapping.allowed import evidence

    function = next(
        (candidate for candidate in functions(snapshot) if candidate.device.name == name), None
    )
    unit = None if function is None else unit_of(table.value, function)
    if unit is None:
        yield f"  no remapping unit of {table.source} is for it"
        return
    ecap = dict(evidence(snapshot).ecaps).get(unit.base)
    able = "" if not isinstance(ecap, Fact) else ", which can remap interrupts"
    if isinstance(ecap, Fact) and not ecap.value & ECAP_IR:
        able = ", which cannot remap interrupts (ECAP.IR is clear)"
    yield f"  the remapping unit at {unit.base:#x} is for it ({table.source}){able}"
