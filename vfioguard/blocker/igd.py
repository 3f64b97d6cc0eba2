"""The functions beside Intel's graphics are not what VFIO wants there.

drivers/vfio/pci/vfio_pci_igd.c vfio_pci_igd_cfg_init() (6.12.118): 00:00.0 must be Intel's host
bridge and 00:1f.0 its ISA bridge, else EINVAL when the device is opened. A VMD that is on may take
their place. The kernel asks only if the graphics have an OpRegion, which no file shows.

Change: turn VMD off, or boot a kernel without CONFIG_VFIO_PCI_IGD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import GET_DEVICE_FD, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, iommufd_call
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim
from vfioguard.report import Step

#: Integrated graphics are there on every chipset.
_PLACE = "0000:00:02.0"
_VGA = 0x0300
#: Function -> the class that the kernel wants there.
_WANTED = {"0000:00:00.0": 0x060000, "0000:00:1f.0": 0x060100}


def _find(attempt: Attempt) -> Iterator[Blocked]:
    for device in attempt.used:
        if device.name == _PLACE and _is_igd(device):
            yield from _odd(attempt, device)


def _odd(attempt: Attempt, device: Device) -> Iterator[Blocked]:
    for name, wanted in _WANTED.items():
        event = attempt.host.witnesses.chipset.get(name)
        if event is None:
            continue  # the kernel minds only a bridge that is there
        code = event.value.pci_class if isinstance(event, Fact) else None
        number = (event.value.pci_id or "") if isinstance(event, Fact) else ""
        if code != wanted or not number.startswith("8086:"):
            claim = f"{name} is not Intel's {'ISA' if wanted & 0xFF00 else 'host'} bridge"
            claim = Claim(
                claim, unknown=f"{claim}, which VFIO refuses for graphics with an OpRegion"
            )
            iommufd = attempt.backend == "iommufd"
            call = iommufd_call(attempt) if iommufd else GET_DEVICE_FD
            yield Blocked(
                device=device.name,
                errno="EINVAL",
                call=call,
                place=4,
                because=Answer(claim, None, (event,)),
            )


def _is_igd(device: Device) -> bool:
    event = device.uevent
    if not isinstance(event, Fact) or event.value.pci_class is None:
        return False
    intel = (event.value.pci_id or "").startswith("8086:")
    return intel and event.value.pci_class >> 8 == _VGA


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(
        (
            Step(
                "If VMD is on in the firmware's setup, turn it off: it can take the place of that "
                "bridge.",
                "firmware setup: VMD, or Intel Rapid Storage",
            ),
            Step(
                "Else boot a kernel without VFIO's support of Intel graphics. The guest then gets "
                "no OpRegion.",
                "CONFIG_VFIO_PCI_IGD=n",
            ),
        )
    )


BLOCKER = Kind(
    name="igd",
    lasting=True,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_igd.c vfio_pci_igd_cfg_init() (6.1, 6.12.118)",
    advise=_advise,
    own=True,
)
