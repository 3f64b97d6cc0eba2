"""No id of a VFIO driver matches the function, so its `bind` does not know it.

drivers/vfio/pci/vfio_pci.c vfio_pci_table[]: vfio-pci takes every function, but only those whose
`driver_override` names it (PCI_DRIVER_OVERRIDE_DEVICE_VFIO), or whose id was written to `new_id`.
drivers/base/bus.c bind_store() (6.12): ENODEV otherwise. drivers/pci/pci-driver.c
pci_match_device(): an override that names another driver outranks all ids.

Change: `driverctl set-override DEVICE vfio-pci`, or `virsh nodedev-detach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, NO_MATCHING_ID, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind
from vfioguard.blocker.parts.binding import commands, concerned, to_vfio
from vfioguard.fact import Fact
from vfioguard.inference import drivers
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim


def _find(attempt: Attempt) -> Iterator[Blocked]:
    for device in attempt.used:
        override = attempt.overrides.get(device.name)
        if drivers.is_taken(device) or not isinstance(override, Fact):
            continue
        if drivers.on_vfio(override.value):
            continue
        name, other = device.name, override.value
        if other:
            because = Answer(
                f"{name} is kept for {other} by its driver_override", True, (override,)
            )
        else:  # the ids of new_id, and those of the option `ids`, are shown nowhere
            claim = Claim(
                f"vfio-pci does not know {name}",
                unknown=f"{name} has no driver_override, and perhaps nobody gave vfio-pci its id",
            )
            because = Answer(claim, None, (override,))
        yield Blocked(
            device=name,
            errno="ENODEV",
            call=BIND,
            place=-1,
            because=because,
            change=commands(device),
        )


def _advise(_: Host, members: Members, blockers: Sequence[Blocker]) -> Advice:
    return Advice(to_vfio(concerned(members, blockers)))


BLOCKER = Kind(
    name=NO_MATCHING_ID,
    lasting=False,
    find=_find,
    rule="drivers/base/bus.c bind_store() (6.12), drivers/pci/pci-driver.c pci_match_device()",
    advise=_advise,
    own=True,
    told=True,
)
