"""A device that no VFIO driver takes: an ACPI device of an x86, a group that has bridges alone.

drivers/vfio/platform/Kconfig: VFIO takes platform devices on Arm alone. A driver's `bind` does not
know a device of another bus: ENODEV. A kernel may also lack the driver of a bus (CONFIG_VFIO_PCI).

Change: behind a bridge, name the function itself; or a kernel built with CONFIG_VFIO_PCI.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, bind_errno
from vfioguard.inference import drivers
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    snapshot = attempt.host.snapshot
    for device in attempt.binding:
        takes = drivers.takes(snapshot, device)
        if takes.truth is not True and drivers.is_bridge(device) is False:
            claim = Claim(
                f"no VFIO driver takes {device.name}",
                unknown=f"perhaps no VFIO driver takes {device.name}",
            )
            yield Blocked(
                device=device.name,
                errno="ENODEV",
                call=BIND,
                place=0,
                because=Answer(claim, (~takes).truth, (takes,)),
            )
    if not attempt.binding and not attempt.used and attempt.members.devices:
        yield _none(attempt)


def _none(attempt: Attempt) -> Blocked:
    """The group is not attachable: no member is taken."""
    host, devices = attempt.host, attempt.members.devices
    takes = tuple([drivers.takes(host.snapshot, device) for device in devices])
    bridges = [device for device in devices if drivers.is_bridge(device)]
    what = "bridges alone" if len(bridges) == len(devices) else "no device that VFIO takes"
    errno = bind_errno(host, "EINVAL") if bridges else "ENODEV"
    return Blocked(
        device=None,
        errno=errno,
        call=BIND,
        place=0,
        because=Answer(f"the group has {what}", True, takes),
    )


def _advise(host: Host, members: Members, _: Sequence[Blocker]) -> Advice:
    options = [drivers.not_built(host.snapshot, device) for device in members.devices]
    if option := next(filter(None, options), None):
        return Advice((Step(f"Boot a kernel built with {option}."),))
    if any(map(drivers.is_bridge, members.devices)):
        behind = Step("Name the function behind the bridge instead, which has a group of its own.")
        return Advice((behind,), "VFIO takes functions, and no bridges")
    return Advice(useless="this kernel's VFIO has no driver for such a device")


BLOCKER = Kind(
    name="no_vfio_driver",
    lasting=True,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_register_device(), platform/Kconfig",
    advise=_advise,
    own=True,
)
