"""Firmware keeps memory for a member that must stay mapped one to one: RMRR, IVMD or RMR.

drivers/iommu/iommu.c __iommu_device_set_domain(), from v6.6 on: EINVAL for a device of any IOMMU.
Before, drivers/iommu/intel/iommu.c device_is_rmrr_locked() refuses those of Intel: EPERM, from
v5.19 on when the group joins a container, before when the IOMMU is set. Seen on 6.1 and 6.12
(policy.md 5). Memory that Linux gives up for a guest (direct-relaxable) blocks nothing.

`relax_rmrr` on the command line makes Proxmox's kernels give up all of it. Then the kernel's list
says so, and nothing is blocked (inference/memory/relaxed.py).

Change: HPE ProLiant: its Shared Memory features; update the firmware; Proxmox VE: relax_rmrr.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import GET_DEVICE_FD, SET_CONTAINER, SET_IOMMU, Blocker, Call
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, iommufd_call
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import borders, drivers
from vfioguard.inference.host import Host
from vfioguard.kernel import iommu_class
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.kernel.uevent import DISPLAY
from vfioguard.logic import Answer, Proof, ask
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.inference.memory.region import ReservedRegion

_USB, _ISA = 0x0C03, 0x0601


def _find(attempt: Attempt) -> Iterator[Blocked]:
    kept = _kept(attempt)
    if kept is None or kept[1].truth is False:
        return
    device, answer = kept
    met = _met(attempt)
    if met is None:
        return
    errno, call, place, known = met
    truth = answer.truth if known else None
    yield Blocked(
        device=device,
        errno=errno,
        call=call,
        place=place,
        because=answer._replace(truth=truth),
    )


def _met(attempt: Attempt) -> tuple[str | None, Call, int, bool] | None:
    """(errno, call, place, whether it is known that this kernel refuses); None if it does not."""
    host = attempt.host
    iommufd = attempt.backend == "iommufd"
    newer = host.has(borders.REQUIRE_DIRECT)
    if newer:
        return "EINVAL", iommufd_call(attempt) if iommufd else SET_CONTAINER, 2, True
    intel = iommu_class.driven(host.snapshot.iommus, "intel")
    if not intel and newer is False:
        return None
    owned = host.has(borders.DMA_OWNERSHIP)
    call: Call = GET_DEVICE_FD if iommufd else SET_IOMMU if owned is False else SET_CONTAINER
    return (None if newer is None else "EPERM"), call, -1, intel


def _kept(attempt: Attempt) -> tuple[str | None, Answer] | None:
    """The member that the memory is kept for, if that is known, and the proof. None if none is.

    The kernel's own list counts. The tables serve where it has none (before v4.11), and name the
    member.
    """
    members = attempt.members
    regions = members.group.reserved_regions
    if isinstance(regions, Fact):
        direct = [region for region in regions.value if region.type == "direct"]
        if not direct:
            return None
        owner = _owner(attempt)
        claim = f"firmware keeps memory for {_named(owner, attempt)} that must stay mapped 1:1"
        truth = _locks(attempt, owner)
        by_table: tuple[Proof, ...] = owner[1] if owner else ()
        return (owner[0].name if owner else None), Answer(claim, truth, (regions, *by_table))
    if regions.why is not Why.ABSENT:
        claim = "firmware keeps memory for the group that must stay mapped 1:1"
        return None, ask(claim, regions, lambda _: None)
    owner = _owner(attempt)
    if owner is None:
        return None
    claim = f"firmware keeps memory for {owner[0].name} that must stay mapped 1:1"
    from vfioguard.inference.memory import relaxed

    # Tables say what firmware asks for, not whether the kernel gave it up.
    truth = None if relaxed.is_asked(attempt.host.snapshot) else True
    return owner[0].name, Answer(claim, truth, owner[1])


def _owner(attempt: Attempt) -> tuple[Device, tuple[Proof, ...]] | None:
    """The first member that a table keeps memory for which Linux does not give up; its proof."""
    kept_for = attempt.host.reserved.regions
    for device in attempt.members.devices:
        for region in kept_for.get(device.name, ()):
            if not _relaxed(region, device):
                raw = f"{region.kind} {region.start:#x}-{region.end:#x}".encode()
                return device, (Fact(True, raw, region.source),)
    return None


def _relaxed(region: ReservedRegion, device: Device) -> bool:
    return any(holder.relaxable for holder in region.holders if holder.device == device.name)


def _locks(attempt: Attempt, owner: object) -> bool | None:
    """Whether memory that the kernel lists as direct is not given up.

    Before v5.3 the list does not tell memory apart that Linux gives up.
    """
    listed = attempt.host.has(borders.RELAXABLE_LISTED)
    relaxed = {_gives_up(device) for device in attempt.members.devices}
    if owner is not None or listed or relaxed == {False}:
        return True
    return False if relaxed == {True} and listed is False else None


def _gives_up(device: Device) -> bool:
    """Whether Linux gives up memory of such a device, or the device has none."""
    event = device.uevent
    if isinstance(event, Gap) or event.value.pci_class is None:
        return False
    code = event.value.pci_class
    return code >> 8 in {_USB, _ISA} or code >> 16 == DISPLAY or drivers.is_bridge(device) is True


def _named(owner: tuple[Device, object] | None, attempt: Attempt) -> str:
    if owner is not None:
        return owner[0].name
    devices = attempt.members.devices
    return devices[0].name if len(devices) == 1 else "a device of the group"


def _advise(host: Host, members: Members, blockers: Sequence[Blocker]) -> Advice:
    from vfioguard.blocker.parts import kept_memory  # it knows makers of machines

    named = {blocker.device for blocker in blockers}
    owners = [device for device in members.devices if device.name in named]
    return kept_memory.advice(host, owners or members.devices)


BLOCKER = Kind(
    name="firmware_memory",
    lasting=True,
    find=_find,
    rule="drivers/iommu/iommu.c __iommu_device_set_domain(), from v6.6 on; before "
    "drivers/iommu/intel/iommu.c device_is_rmrr_locked()",
    advise=_advise,
)
