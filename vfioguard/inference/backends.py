"""The ways to attach that this kernel has: type1, iommufd, spapr_tce.

Each decides by itself, and has a parameter of its own (policy.md 1.3).
"""

from __future__ import annotations

from vfioguard.attach import BACKENDS, Backend
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import borders, era
from vfioguard.kernel.identity.arch import ARM, S390, X86
from vfioguard.kernel.identity.config import Config
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim, ask, some
from vfioguard.snapshot import IOMMUFD, TYPE1, Snapshot

#: Backend -> (module, parameter) of its override.
_MODULES = {"type1": TYPE1, "iommufd": IOMMUFD}
#: Backend -> the only architectures on which drivers/vfio/Kconfig lets it be selected.
_ARCHES = {"type1": X86 | ARM | S390, "spapr_tce": frozenset({"ppc64le", "ppc64", "ppc"})}

_CDEV = Claim(
    "this kernel makes a node for each device (CONFIG_VFIO_DEVICE_CDEV)",
    "this kernel makes no node for each device (CONFIG_VFIO_DEVICE_CDEV)",
)
_CDEV_EARLY = Claim(
    "this kernel makes a node for each device (v6.6 and later)",
    "this kernel makes no node for each device, as v6.6 and later do",
)
_CONTAINER = Claim("iommufd provides /dev/vfio/vfio", "iommufd does not provide /dev/vfio/vfio")
_CONTAINER_BUILT = Claim(
    f"{_CONTAINER} (CONFIG_IOMMUFD_VFIO_CONTAINER)",
    "iommufd does not provide /dev/vfio/vfio (CONFIG_IOMMUFD_VFIO_CONTAINER)",
)


def present(snapshot: Snapshot, backend: str) -> bool:
    """Whether to judge a backend: iommufd if it is known to exist, others unless known not to."""
    answer = exists(snapshot, backend)
    return answer.truth is True if backend == "iommufd" else answer.truth is not False


def exists(snapshot: Snapshot, backend: str) -> Answer:
    """Whether the running kernel has this way to attach."""
    if backend == "type1":
        return _exists(snapshot, backend, TYPE1, "VFIO_IOMMU_TYPE1")
    if backend == "iommufd":
        return _iommufd(snapshot)
    return _exists(snapshot, backend, ("vfio_iommu_spapr_tce", ""), "VFIO_IOMMU_SPAPR_TCE")


def lacks(backend: str) -> Claim:
    """The claim that the running kernel has no such way."""
    return Claim(
        f"this kernel has no {backend}",
        unknown=f"it is not known whether this kernel has {backend}",
    )


def may_be_built(snapshot: Snapshot, backend: str) -> bool:
    """Whether a kernel of this architecture may have the backend."""
    arch = snapshot.kernel.arch
    arches = _ARCHES.get(backend)
    return arches is None or not isinstance(arch, Fact) or arch.value in arches


def counting(snapshot: Snapshot) -> tuple[Backend, ...]:
    """The backends that an attach on this host meets.

    A backend counts if its module is loaded and its nodes can exist. If none is loaded, it is the
    one that `modprobe vfio-pci` brings.
    """
    there: list[Backend] = [backend for backend in BACKENDS if present(snapshot, backend)]
    counted: list[Backend] = [
        backend
        for backend in there
        if is_loaded(snapshot, backend) and _nodes(snapshot, backend).truth is not False
    ]
    if counted:
        return tuple(counted)
    others: list[Backend] = [backend for backend in there if backend != "iommufd"]
    if len(others) < len(there) and iommufd_container(snapshot).truth is True:
        return ("iommufd",)
    return tuple(others or there)


def is_loaded(snapshot: Snapshot, backend: str) -> bool:
    """Whether the backend's module is loaded or built in.

    That of POWER has no parameter to tell by, so that it counts as loaded.
    """
    if backend not in _MODULES:
        return True
    return snapshot.parameter(_MODULES[backend]).pending is None


def cdev(snapshot: Snapshot) -> Answer:
    """Whether this kernel gives each device on a VFIO driver a node of its own."""
    if era.has(snapshot, borders.DEVICE_CDEV) is False:
        return ask(_CDEV_EARLY, snapshot.kernel.release, lambda _: False)
    return ask(_CDEV, snapshot.kernel.config, _with_cdev)


def cdev_of(members: Members, by_kernel: Answer) -> Answer:
    """Whether the group's devices have such nodes once they are on a VFIO driver.

    A device that is on one shows it. `by_kernel` is the answer of `cdev`.
    """
    device = next((device for device in members.devices if device.vfio is not None), None)
    if device is None or device.vfio is None:
        return by_kernel
    node = device.vfio.node
    absent = isinstance(node, Gap) and node.why is Why.ABSENT
    if absent and by_kernel.truth is False:
        return by_kernel  # so that all groups of this kernel share one answer
    denied = f"{device.name} has no node of its own"
    claim = Claim(f"{device.name} has a node of its own", denied)
    return Answer(claim, False, (node,)) if absent else ask(claim, node, bool)


def _with_cdev(config: Config) -> bool | None:
    value = config.get("VFIO_DEVICE_CDEV")
    return None if value is None else value != "n"


def iommufd_container(snapshot: Snapshot) -> Answer:
    """Whether iommufd provides /dev/vfio/vfio, which VFIO provides elsewhere."""
    if isinstance(snapshot.container, Fact):
        return ask(_CONTAINER, snapshot.container, lambda vfio: not vfio)
    option = "IOMMUFD_VFIO_CONTAINER"
    return ask(_CONTAINER_BUILT, snapshot.kernel.config, lambda c: c[option] != "n")


def _nodes(snapshot: Snapshot, backend: str) -> Answer:
    """Whether the nodes that the backend's users open can exist."""
    if backend == "iommufd":
        claim = Claim("iommufd's users find a node to open", "iommufd's users find no node to open")
        return some(claim, (cdev(snapshot), iommufd_container(snapshot)))
    return exists(snapshot, backend)


def _iommufd(snapshot: Snapshot) -> Answer:
    """Whether the kernel has iommufd; a loaded module is better evidence than the release."""
    if era.has(snapshot, borders.IOMMUFD) is False:
        claim = "this kernel has iommufd (v6.2 and later)"
        claim = Claim(claim, "this kernel has no iommufd, which came with v6.2")
        return ask(claim, snapshot.kernel.release, lambda _: False)
    return _exists(snapshot, "iommufd", IOMMUFD, "IOMMUFD")


def _exists(snapshot: Snapshot, backend: str, module: tuple[str, str], option: str) -> Answer:
    claim, lacks = f"this kernel has {option}", f"this kernel has no {option}"
    arch = snapshot.kernel.arch
    if isinstance(arch, Fact) and not may_be_built(snapshot, backend):
        where = f"(not on {arch.value})"
        return ask(Claim(f"{claim} {where}", f"{lacks} {where}"), arch, lambda _: False)
    for parameter in snapshot.parameters:
        if (parameter.module, parameter.name) == module and not isinstance(parameter.current, Gap):
            return ask(claim, parameter.current, lambda _: True)
    if option != "IOMMUFD" and isinstance(snapshot.container, Fact):
        # drivers/vfio/Kconfig: VFIO_CONTAINER selects type1 on every architecture that allows it.
        container = "VFIO provides /dev/vfio/vfio"
        denied = f"{lacks}, as VFIO does not provide /dev/vfio/vfio"
        provided = Claim(f"{claim}, as {container}", denied, f"it is not known whether {claim}")
        sure = option == "VFIO_IOMMU_TYPE1"
        return ask(provided, snapshot.container, lambda vfio: (sure or None) if vfio else False)
    return ask(Claim(claim, lacks), snapshot.kernel.config, lambda config: config[option] != "n")
