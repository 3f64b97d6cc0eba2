"""iommufd's users open a node of the device, and this kernel makes none (CONFIG_VFIO_DEVICE_CDEV).

drivers/vfio/device_cdev.c (6.12.118). A kernel whose iommufd provides /dev/vfio/vfio needs none.

Change: attach by VFIO's container, or boot a kernel with CONFIG_VFIO_DEVICE_CDEV.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import OPEN, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    if attempt.backend != "iommufd":
        return
    cdev, container = host.cdev(attempt.members), host.iommufd_container
    if cdev.truth is False and container.truth is False:
        claim = "this kernel makes no node through which iommufd takes a device"
        because = Answer(claim, True, (cdev, container))
        yield Blocked(
            device=None,
            errno="ENOENT",
            call=OPEN,
            place=0,
            because=because,
        )


def _advise(host: Host, _: Members, __: Sequence[Blocker]) -> Advice:
    build = Step("Boot a kernel of v6.6 or later that is built to make these nodes.", _CONFIG)
    if not host.has_backend("type1"):
        return Advice((build,))
    return Advice((Step("Attach by VFIO's container instead: in QEMU, without iommufd=."), build))


_CONFIG = "CONFIG_VFIO_DEVICE_CDEV=y"


BLOCKER = Kind(
    name="no_cdev",
    lasting=True,
    find=_find,
    rule="drivers/vfio/device_cdev.c vfio_device_fops_cdev_open(), from v6.6 on (6.12.118)",
    advise=_advise,
)
