"""The kernel has no way to attach devices, or not the one that somebody asks for.

The ways are VFIO's container and iommufd. `--backend` asks for one.

Change on every architecture: boot a kernel that has one, or use the one that is there.
"""

from __future__ import annotations

from vfioguard.attach import BACKENDS
from vfioguard.cause import Cause, Caused
from vfioguard.inference import backends, exempt
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, some
from vfioguard.report import GroupReport, Step
from vfioguard.verdict import NONE

_RULE = "drivers/vfio/Kconfig VFIO_IOMMU_TYPE1, drivers/iommu/iommufd/Kconfig IOMMUFD"
#: How QEMU is told to use a backend (docs/devel/vfio-iommufd.rst).
_USES = {
    "type1": "QEMU: -device vfio-pci,host=ADDRESS",
    "iommufd": "QEMU: -object iommufd,id=iommufd0 -device vfio-pci,host=ADDRESS,iommufd=iommufd0",
}
_BUILDS = {
    "type1": ("Boot a kernel that is built with it.", "CONFIG_VFIO_IOMMU_TYPE1=m"),
    "iommufd": ("Boot Linux 6.2 or later, built with it.", "CONFIG_IOMMUFD=m"),
    "spapr_tce": ("Boot a kernel that is built with it.", "CONFIG_VFIO_IOMMU_SPAPR_TCE=y"),
}


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if group is None or members is None:
        return None
    claims = [each.because for each in group.attachment.blockers if each.name == CAUSE.name]
    backend_of = {str(backends.lacks(backend)): backend for backend in BACKENDS}
    for claim in claims:
        backend = backend_of.get(str(claim.claim))
        if backend is not None:
            return _without(host, backend, claim) if claim.truth else _unsure(claim)
    if group.headline.policy != NONE:
        return None
    settled = exempt.by_kind(members)
    if settled is not None and settled.truth is None:
        return None
    if any(host.has_backend(backend) for backend, _ in group.backends):
        return None
    return host.once(_caused)


def _unsure(because: Answer) -> Caused:
    """The cause if it is not known whether the kernel has the backend that is asked for."""
    said = because.said
    look = Step(
        "Let vfioguard read how the kernel is configured, or load the backend's module.",
        "/boot/config-RELEASE, /proc/config.gz",
    )
    return Caused(
        sentence=f"{said[:1].upper()}{said[1:]}.", rule=_RULE, because=because, change=(look,)
    )


def _without(host: Host, asked: str, because: Answer) -> Caused:
    """The cause if the backend that is asked for is missing."""
    others = [backend for backend in BACKENDS if host.has_backend(backend)]
    steps = [
        Step(f"Attach by {backend}, which this kernel has.", _USES.get(backend))
        for backend in others
    ]
    if backends.may_be_built(host.snapshot, asked):
        do, where = _BUILDS[asked]
        steps.append(Step(f"Or {do[0].lower()}{do[1:]}" if steps else do, where))
        never = ""
    else:
        never = ", as no kernel of this architecture has it"
    useless = "" if steps else " No setting helps."
    return Caused(
        sentence=f"The attach is asked for by {asked}, which this kernel lacks{never}.{useless}",
        rule=_RULE,
        because=because,
        change=tuple(steps),
        helps=bool(steps),
    )


def _caused(host: Host) -> Caused:
    ways = [host.backend_exists(backend) for backend in ("type1", "iommufd")]
    answer = some("this kernel has a way to attach devices to guests", ways)
    if backends.may_be_built(host.snapshot, "type1"):
        step = Step(
            "Boot a kernel that is built with VFIO and one of its ways to attach.",
            "CONFIG_VFIO_PCI=m, and CONFIG_VFIO_IOMMU_TYPE1=m or CONFIG_IOMMUFD=m",
        )
    else:
        step = Step("Boot Linux 6.2 or later, built with iommufd.", "CONFIG_IOMMUFD=m")
    known = "has no" if answer.truth is False else "is not known to have a"
    return Caused(
        sentence=f"This kernel {known} way to attach devices (VFIO's container or iommufd).",
        rule=_RULE,
        because=answer,
        change=(step,),
    )


CAUSE = Cause("no_backend", _applies)
