"""A virtual function whose physical function is on a VFIO driver is opened with a token only.

drivers/vfio/pci/vfio_pci_core.c vfio_pci_validate_vf_token() (5.10.262, 6.12.118): EACCES when the
device is opened. The node of its own asks for it from v7.2 on (drivers/vfio/device_cdev.c
vfio_df_check_token(), 7.2.13; not in 6.12.118).

Change: give the guest the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND_IOMMUFD, GET_DEVICE_FD, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, by_commands, iommufd_call
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    call = iommufd_call(attempt) if attempt.backend == "iommufd" else GET_DEVICE_FD
    asked = host.has(borders.CDEV_TOKEN) if call == BIND_IOMMUFD else True
    for device in attempt.used:
        if device.vfio is None or asked is False:
            continue
        because = _asks(host, device, device.vfio.physfn, asked)
        if because is not None:
            command = f"QEMU: -device vfio-pci,host={device.name},vf-token=UUID"
            yield Blocked(
                device=device.name,
                errno="EACCES",
                call=call,
                place=-3 if call == BIND_IOMMUFD else 3,
                because=because,
                change=(command,),
            )


def _asks(host: Host, device: Device, owner: Reading[str], asked: bool | None) -> Answer | None:
    """Whether the kernel asks for a token. Returns None if it surely does not."""
    if isinstance(owner, Gap):
        if owner.why is Why.ABSENT:
            return None
        return Answer(f"{device.name} is opened only with a token", None, (owner,))
    claim = f"{device.name} is opened only with the token of {owner.value}"
    holder = host.witnesses.tokens.get(owner.value)
    if holder is not None:
        known = isinstance(holder, Fact)
        return Answer(claim, asked if known else None, (holder,))
    if owner.value in host.witnesses.owners:
        return None
    return Answer(claim, None, (owner,))


def _advise(_: Host, __: Members, blockers: Sequence[Blocker]) -> Advice:
    own = Step("Else give the physical function back to its own driver, and make them by that.")
    give = by_commands("Give the guest the token that was set for the physical function.", blockers)
    return Advice((*give, own))


BLOCKER = Kind(
    name="vf_token",
    lasting=False,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci_core.c vfio_pci_validate_vf_token() (5.10.262, 6.12.118)",
    advise=_advise,
    own=True,
)
