"""The module of the backend is not loaded, and the group is on a VFIO driver already.

drivers/vfio/container.c vfio_ioctl_set_iommu(): no driver takes the group, ENODEV. modprobe loads
type1 after vfio (MODULE_SOFTDEP), so it is missing only if somebody unloaded or blocked it.

Change: `modprobe` it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import OPEN, SET_IOMMU, Blocker, Call
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, by_commands
from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Step
from vfioguard.snapshot import IOMMUFD, TYPE1


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    if not attempt.as_is or host.is_loaded(attempt.backend):
        return
    module = IOMMUFD if attempt.backend == "iommufd" else TYPE1
    file = host.snapshot.parameter(module).current
    assert isinstance(file, Gap), "a module that is not loaded has no parameter"
    because = Answer(f"the module {module[0]} is not loaded", True, (file,))
    errno = "ENOENT" if module is IOMMUFD else "ENODEV"
    call: Call = OPEN if module is IOMMUFD else SET_IOMMU
    yield Blocked(
        device=None,
        errno=errno,
        call=call,
        place=-1,
        because=because,
        change=(f"modprobe {module[0]}",),
    )


def _advise(_: Host, __: Members, blockers: Sequence[Blocker]) -> Advice:
    look = Step("If it does not stay, see what keeps it away.", "grep -r vfio /etc/modprobe.d")
    return Advice((*by_commands("Load the module.", blockers), look))


BLOCKER = Kind(
    name="module_not_loaded",
    lasting=False,
    find=_find,
    rule="drivers/vfio/container.c vfio_ioctl_set_iommu() (6.12.118)",
    advise=_advise,
)
