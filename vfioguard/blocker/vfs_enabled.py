"""The physical function has virtual functions, so vfio-pci is not bound to it.

drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device() (6.12.118): EBUSY. A function that
is on a VFIO driver already may have them.

Change: hand those out, or remove them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, bind_errno, by_commands
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Claim, ask
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    for device in attempt.binding:
        if device.vfs is not None:
            name = device.name
            claim = Claim(f"{name} has virtual functions", f"{name} has no virtual functions")
            because = ask(claim, device.vfs, bool)
            errno = bind_errno(attempt.host, "EBUSY")
            command = f"echo 0 > /sys/bus/pci/devices/{device.name}/sriov_numvfs"
            yield Blocked(
                device=device.name,
                errno=errno,
                call=BIND,
                place=3,
                because=because,
                change=(command,),
            )


def _advise(_: Host, __: Members, blockers: Sequence[Blocker]) -> Advice:
    instead = Step("Hand out its virtual functions instead.")
    gone = by_commands("Or remove them first; whoever has one loses it.", blockers)
    return Advice((instead, *gone))


BLOCKER = Kind(
    name="vfs_enabled",
    lasting=False,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device(): EBUSY (6.1, 6.12.118)",
    advise=_advise,
    own=True,
)
