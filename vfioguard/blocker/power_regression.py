"""Two builds of Proxmox's kernel open no function without power management: no virtual function.

6.8.12-12-pve and 6.14.8-1-pve answer EACCES when the device is opened, as they resume it first
(drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_enable() calls pm_runtime_resume_and_get()).
https://github.com/strongtz/i915-sriov-dkms/issues/321 and 322.

Change: boot a kernel before or after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import GET_DEVICE_FD, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, iommufd_call
from vfioguard.fact import Fact, Reading
from vfioguard.inference import regression
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    release = regression.resumes_in_vain(host.snapshot)
    if release is None:
        return
    call = iommufd_call(attempt) if attempt.backend == "iommufd" else GET_DEVICE_FD
    for device in attempt.used:
        lacks = _lacks(host, device)
        if lacks is not None:
            why = f"it does not open {device.name}, which has no power management"
            yield Blocked(
                device=device.name,
                errno="EACCES",
                call=call,
                place=2,  # the token is asked for before, with the same errno
                because=Answer(f"a fault of {release.value.text}: {why}", True, (release, lacks)),
            )


def _lacks(host: Host, device: Device) -> Reading[object] | None:
    """What shows that the device has no power management. Returns None if it has, or may have.

    Virtual functions have none, unless their `config` lists it. All other functions of PCI Express
    have it (PCI Express Base Specification 6.0, 7.5.2).
    """
    site = host.snapshot.site
    if device.bus != "pci" or site is None:
        return None
    listed = site.power_management(device.name)
    if isinstance(listed, Fact):
        return None if listed.value else listed
    link = site.physical_function(device.name)
    return link if isinstance(link, Fact) else None


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(
        (
            Step(
                "Install the next kernel, which opens the function again, and reboot.",
                "apt update && apt full-upgrade",
            ),
            Step(
                "Or boot the kernel before, 6.8.12-11 or 6.14.5, and pin it.",
                "proxmox-boot-tool kernel pin RELEASE",
            ),
        )
    )


BLOCKER = Kind(
    name="power_regression",
    lasting=True,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_core.c vfio_pci_core_enable() of two builds: "
    "https://github.com/strongtz/i915-sriov-dkms/issues/322",
    advise=_advise,
    own=True,
)
