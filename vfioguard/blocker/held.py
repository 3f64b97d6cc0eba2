"""Another process has the group open.

drivers/vfio/group.c vfio_group_fops_open() (6.12.118): EBUSY, a group's node is opened once. A
device's own node refuses when iommufd takes the device: EBUSY if the group's node is open
(vfio_device_block_group()), EINVAL if the device's is (vfio_main.c vfio_df_open()).

Change: end that guest or program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND_IOMMUFD, OPEN, Attach, Attachment, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Holder, Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    if attempt.holders:
        yield _blocked(attempt.backend, attempt.holders)


def _blocked(backend: str, holders: Sequence[Holder]) -> Blocked:
    first = holders[0]
    more = f" and {len(holders) - 1} more have" if len(holders) > 1 else " has"
    claim = f"process {first.pid} ({first.name}){more} the group open"
    source = f"/proc/{first.pid}/fd"
    because = Answer(claim, True, (Fact(True, first.name.encode(), source),))
    if backend == "iommufd":
        return Blocked(
            device=None,
            errno=None,
            call=BIND_IOMMUFD,
            place=-4,
            because=because,
        )
    return Blocked(
        device=None,
        errno="EBUSY",
        call=OPEN,
        place=0,
        because=because,
    )


def held(attachment: Attachment, backend: str, holders: Sequence[Holder]) -> Attachment:
    """The attachment of a group that has these holders, as it stands."""
    if not holders or attachment.now is None:
        return attachment
    met = _blocked(backend, holders)
    blocker = Blocker(
        name=BLOCKER.name,
        lasting=BLOCKER.lasting,
        device=None,
        errno=met.errno,
        call=met.call,
        because=met.because,
    )
    return attachment._replace(
        now=Attach.NO,
        blockers=(blocker, *attachment.blockers),
        errno=met.errno,
        call=met.call if met.errno else None,
    )


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(
        (
            Step(
                "End the guest or program that has it; a group has one user.",
                "fuser -v /dev/vfio/*",
            ),
        )
    )


BLOCKER = Kind(
    name="held",
    lasting=False,
    find=_find,
    rule="drivers/vfio/group.c vfio_group_fops_open(), vfio_main.c vfio_df_open() (6.12.118)",
    advise=_advise,
)
