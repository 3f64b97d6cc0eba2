"""Why PCI functions are in no IOMMU group, and whether a VFIO driver could be bound to them."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Gap, Why
from vfioguard.inference import exempt
from vfioguard.inference.host import Host
from vfioguard.inference.without_group import late_group
from vfioguard.kernel.devices import Device
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.report import NO_GROUP, UNBINDABLE
from vfioguard.typed import NamedTuple

_MAY = f"{NO_GROUP}; kernels before v6.15 make one when a driver binds, if firmware maps it"
_LATE = f"{NO_GROUP} yet: kernels before v6.15 make one when a driver binds, and firmware maps it"
_INCOHERENT = (
    f"{NO_GROUP} yet, and VFIO cannot bind it: its IOMMU does not keep caches coherent (EINVAL)"
)
_MODE = f"{NO_GROUP}; no-IOMMU mode is on: VFIO takes it without isolation or an interrupt test"

_GROUPS = Claim("the IOMMU groups are known", unknown="the IOMMU groups are not known")


class Reason(NamedTuple):
    """Why a function has no group; `text` follows its name.

    `binds` says whether a VFIO driver can be bound, and is None if that is not known. `late` says
    that the bind makes a group, which has a verdict of its own.
    """

    binds: bool | None
    text: str
    because: Answer | None = None
    late: bool = False


def reasons(host: Host) -> Callable[[Device], Reason]:
    """A callable that gives the reason for each function without a group."""
    snapshot = host.snapshot
    whole = _of_host(host)
    if isinstance(snapshot.groups, Gap) or not late_group.concerned(snapshot):
        return lambda _: whole
    late = late_group.LateGroups(snapshot)

    def reason(device: Device) -> Reason:
        answer = late.expected(device)
        if answer.truth is False:
            return whole if whole.because is not None else whole._replace(because=answer)
        if not answer.truth:
            return Reason(binds=None, text=_MAY, because=answer, late=True)
        coherent = host.coherent(device)
        if coherent.truth is False:
            return Reason(False, _INCOHERENT, coherent)
        binds = every(_binds(device.name), (answer, coherent))
        return Reason(binds=binds.truth, text=_LATE, because=binds, late=True)

    return reason


def _binds(name: str) -> Claim:
    return Claim(f"a VFIO driver can be bound to {name}", f"no VFIO driver can be bound to {name}")


def _of_host(host: Host) -> Reason:
    """The reason that holds for every function without a group."""
    groups = host.snapshot.groups
    if isinstance(groups, Gap):
        text = f"{NO_GROUP} that is known: {groups.source}: {groups.errno or groups.detail}"
        if groups.why is Why.ABSENT:
            text = f"{NO_GROUP} that is known: {groups.source} is not there or not recorded"
        return Reason(None, text, ask(_GROUPS, groups, lambda _: None))
    mode = host.noiommu
    if mode.truth is False:
        return Reason(binds=False, text=UNBINDABLE)
    if mode.truth is None:
        return Reason(None, f"{UNBINDABLE}, unless no-IOMMU mode is on (not known)", mode)
    return Reason(True, f"{_MODE}; {exempt.noiommu_answers(host.snapshot)}", mode)
