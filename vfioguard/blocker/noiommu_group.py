"""No IOMMU translates the group, so type1 does not take it; iommufd does from v7.3 on, if built so.

drivers/vfio/container.c vfio_ioctl_set_iommu(): only vfio-noiommu takes it, ENODEV.
drivers/iommu/iommufd/device.c iommufd_bind_noiommu() (7.3.4), with CONFIG_IOMMUFD_NOIOMMU; through
iommufd's container EINVAL.

Change: turn the IOMMU on, and no-IOMMU mode off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import GET_DEVICE_FD, SET_IOMMU, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, iommufd_call
from vfioguard.inference import exempt
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    members, host = attempt.members, attempt.host
    name = members.group.name
    if name is None or not exempt.is_noiommu(members):
        return
    claim = f"no IOMMU translates the group, and {attempt.backend} takes no such group"
    because = Answer(claim, members.group.noiommu or None, (name,))
    if attempt.backend != "iommufd":
        yield Blocked(
            device=None,
            errno="ENODEV",
            call=SET_IOMMU,
            place=-2,
            because=because,
        )
        return
    takes = exempt.iommufd_takes_noiommu(host.snapshot)
    call = iommufd_call(attempt)
    if call == GET_DEVICE_FD or takes.truth is False:
        yield Blocked(
            device=None,
            errno="EINVAL",
            call=call,
            place=-2,
            because=because,
        )
    elif takes.truth is None:
        known = Answer(claim, None, (takes,))
        yield Blocked(
            device=None,
            errno=None,
            call=call,
            place=-2,
            because=known,
        )


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(
        (
            Step("Turn the IOMMU on, and this mode off. The function then gets an ordinary group."),
            Step(
                "Without an IOMMU no guest can have it; programs run by root can open its node.",
                "/dev/vfio/noiommu-N",
            ),
        )
    )


BLOCKER = Kind(
    name="noiommu_group",
    lasting=True,
    find=_find,
    rule="drivers/vfio/container.c vfio_ioctl_set_iommu(), iommufd/device.c iommufd_bind_noiommu()",
    advise=_advise,
)
