"""The device is on no VFIO driver, so it has no node to open.

drivers/vfio/group.c vfio_group_get_device_fd() (6.12.118): ENODEV if another device of the group is
on a VFIO driver. Else the group has no node: ENOENT.

Change: `driverctl set-override DEVICE vfio-pci`, or `virsh nodedev-detach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import GET_DEVICE_FD, OPEN, Blocker, Call
from vfioguard.blocker import Advice, Attempt, Blocked, Kind
from vfioguard.blocker.parts.binding import LOOK, commands, concerned, to_vfio
from vfioguard.fact import Fact
from vfioguard.inference import drivers
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer


def _find(attempt: Attempt) -> Iterator[Blocked]:
    if not attempt.as_is:
        return
    others = any(map(drivers.is_taken, attempt.members.devices))
    by_group = others and attempt.backend != "iommufd"
    errno = "ENODEV" if by_group else "ENOENT"
    call: Call = GET_DEVICE_FD if by_group else OPEN
    for device in attempt.used:
        if not drivers.is_taken(device):
            known = isinstance(device.uevent, Fact)
            claim = f"{device.name} is on no VFIO driver"
            because = Answer(claim, True if known else None, (device.uevent,))
            yield Blocked(
                device=device.name,
                errno=errno,
                call=call,
                place=2,
                because=because,
                change=commands(device)[:1] if known else (),
            )


def _advise(_: Host, members: Members, blockers: Sequence[Blocker]) -> Advice:
    devices = [device for device in concerned(members, blockers) if isinstance(device.uevent, Fact)]
    return Advice(to_vfio(devices) or (LOOK,))


BLOCKER = Kind(
    name="not_bound",
    lasting=False,
    find=_find,
    rule="drivers/vfio/group.c vfio_group_get_device_fd() (6.12.118)",
    advise=_advise,
    own=True,
)
