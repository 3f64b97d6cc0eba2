"""A member of the group is on a driver of the host, so the group is not VFIO's alone.

drivers/iommu/iommu.c iommu_group_claim_dma_owner(), from v5.19 on: EPERM when the group joins a
container or iommufd. drivers/vfio/vfio.c vfio_group_viable(), before: EINVAL, and only when a
device of the group is opened.

Change: bind it to vfio-pci as well, or take it off its driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vfioguard.attach import GET_DEVICE_FD, SET_CONTAINER, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, by_commands, iommufd_call
from vfioguard.blocker.parts.binding import (
    LOOK,
    commands,
    concerned,
    likely_needed,
    may_be_needed,
    several,
    to_vfio,
)
from vfioguard.inference import borders, drivers, needed
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    owned = host.has(borders.DMA_OWNERSHIP)
    if attempt.backend == "iommufd":
        call = iommufd_call(attempt)
    else:
        call = GET_DEVICE_FD if owned is False else SET_CONTAINER
    for device in sorted(attempt.staying(), key=likely_needed):
        spared = drivers.spared(host.snapshot, device)
        if spared.truth is not True:
            errno = None if owned is None else "EPERM" if owned else "EINVAL"
            name, driver = device.name, device.driver
            claim = Claim(
                f"{name} is on {driver or 'a driver'}, a driver of the host",
                unknown=f"{name} is on {driver}, which may keep the group from VFIO"
                if driver
                else f"it is not known whether a driver of the host has {name}",
            )
            blocks = Answer(claim, (~spared).truth, spared.because)
            yield Blocked(
                device=device.name,
                errno=errno,
                call=call,
                place=1,
                because=blocks,
                change=_commands(device),
            )


def _commands(device: Device) -> tuple[str, ...]:
    """What frees the device of its host driver; a bridge can only lose it."""
    if device.driver is None:
        return ()
    if not _is_function(device):
        return (f"echo {device.name} > /sys/bus/{device.bus}/drivers/{device.driver}/unbind",)
    # A bind may take the host's disk or network away: what to do about these takes a sentence.
    return () if may_be_needed(device) else (*_without_vfs(device), commands(device)[0])


def _advise(host: Host, members: Members, blockers: Sequence[Blocker]) -> Advice:
    devices = [device for device in concerned(members, blockers) if device.driver is not None]
    functions = sorted(filter(_is_function, devices), key=likely_needed, reverse=True)
    names = {device.name for device in functions}
    others = [blocker for blocker in blockers if blocker.device not in names]
    roles = needed.roles(host) if functions else None
    if roles is not None and not names.isdisjoint(roles.of):
        return Advice(_without(members, {name: roles.of[name] for name in names & roles.of.keys()}))
    owners = [command for device in functions for command in _without_vfs(device)]
    first = tuple([Step(_VFS, command) for command in owners])
    unsure = roles is None or roles.unknown
    perhaps = sorted(device.name for device in functions if unsure and may_be_needed(device))
    steps = (
        *([Step(_LOSES.format(several(perhaps)), _SHOWS)] if perhaps else ()),
        *first,
        *to_vfio(functions),
        *by_commands("Take it off the driver of the host.", others),
    )
    return Advice(steps or (LOOK,))


def _without(members: Members, roles: Mapping[str, tuple[str, ...]]) -> tuple[Step, ...]:
    """What to do instead of taking from the host what it needs."""
    name = min(roles)
    given = next((d.name for d in members.devices if drivers.is_taken(d)), "the device")
    return (
        Step(f"Leave {name} with the host: it has {', '.join(roles[name])}."),
        Step(
            f"No guest can have this group. Move {given} to another slot, and see whether it is "
            "alone in its group then.",
            "vfioguard report --all",
        ),
    )


_LOSES = "See first that the host can do without {}; a bind takes disks and networks from it."
_SHOWS = "findmnt /; ip route"
#: vfio_pci_core_register_device() answers EBUSY for such a function.
_VFS = "Remove the virtual functions of the device first; a guest that has one loses it."


def _without_vfs(device: Device) -> tuple[str, ...]:
    if device.vfs is None:
        return ()
    return (f"echo 0 > /sys/bus/pci/devices/{device.name}/sriov_numvfs",)


def _is_function(device: Device) -> bool:
    """Whether vfio-pci takes the device."""
    return device.bus == "pci" and not drivers.is_bridge(device)


BLOCKER = Kind(
    name="not_viable",
    lasting=False,
    find=_find,
    rule="drivers/iommu/iommu.c iommu_group_claim_dma_owner(), from v5.19 on; before vfio.c",
    advise=_advise,
)
