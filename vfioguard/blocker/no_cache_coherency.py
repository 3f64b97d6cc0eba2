"""The IOMMU does not keep caches coherent: from v5.19 on VFIO binds no device behind it, EINVAL.

drivers/vfio/vfio_main.c __vfio_register_dev() (6.12.118); inference/coherency.py.

Change: nothing: firmware or the IOMMU says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, bind_errno
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim


def _find(attempt: Attempt) -> Iterator[Blocked]:
    if attempt.members.group.noiommu:
        return
    for device in attempt.binding:
        if device.bus != "mdev":
            coherent = attempt.host.coherent(device)
            if coherent.truth is not True:
                whose = f"the IOMMU of {device.name}"
                incoherent = f"{whose} does not keep caches coherent"
                claim = Claim(incoherent, unknown=f"perhaps {incoherent}")
                because = Answer(claim, (~coherent).truth, (coherent,))
                errno = bind_errno(attempt.host, "EINVAL")
                yield Blocked(
                    device=device.name,
                    errno=errno,
                    call=BIND,
                    place=4,
                    because=because,
                )


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(useless="the IOMMU or its firmware says so, which its maker alone can change")


BLOCKER = Kind(
    name="no_cache_coherency",
    lasting=True,
    find=_find,
    rule="drivers/vfio/vfio_main.c __vfio_register_dev(), from v5.19 on (6.12.118)",
    advise=_advise,
    own=True,
)
