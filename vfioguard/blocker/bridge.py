"""A PCI-to-PCI or CardBus bridge: its header is not of type 0, so no VFIO driver takes it.

drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device() (6.12.118). A host bridge has a
header of type 0 and is taken.

Change: name the function behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, bind_errno
from vfioguard.inference import drivers
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    for device in attempt.binding:
        bridge = drivers.is_bridge(device)
        if bridge is not False:
            claim = f"{device.name} is a bridge, which no VFIO driver takes"
            because = Answer(claim, bridge, (device.uevent,))
            errno = bind_errno(attempt.host, "EINVAL")
            yield Blocked(
                device=device.name,
                errno=errno,
                call=BIND,
                place=2,
                because=because,
            )


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    step = Step("Name the function behind the bridge instead, and leave the bridge to pcieport.")
    return Advice((step,), "VFIO takes functions, and no bridges")


BLOCKER = Kind(
    name="bridge",
    lasting=True,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device() (6.1, 6.12.118)",
    advise=_advise,
    own=True,
)
