"""An attach, call by call, up to the first errno: by a group's container, or by devices' nodes.

Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst;
include/uapi/linux/vfio.h, iommufd.h (6.12.118).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Sequence

from vfioguard.attach import BIND_IOMMUFD, GET_DEVICE_FD, OPEN, SET_CONTAINER, SET_IOMMU, Backend
from vfioguard.trial import Kernel
from vfioguard.tried import Called
from vfioguard.typed import NamedTuple, TypeVar

T = TypeVar("T")

#: _IO(';', 100 + n) of VFIO, _IO(';', 0x80 + n) of iommufd.
_VFIO, _IOMMUFD = (ord(";") << 8) + 100, (ord(";") << 8) + 0x80
_CHECK_EXTENSION, _SET_IOMMU = _VFIO + 1, _VFIO + 2
_SET_CONTAINER, _GET_DEVICE_FD = _VFIO + 4, _VFIO + 6
_BIND_IOMMUFD, _ATTACH_PT = _VFIO + 18, _VFIO + 19
_IOAS_ALLOC = _IOMMUFD + 1

#: The IOMMUs of a container, the one that QEMU takes first: VFIO_TYPE1v2_IOMMU,
#: VFIO_TYPE1_IOMMU; VFIO_SPAPR_TCE_v2_IOMMU, VFIO_SPAPR_TCE_IOMMU. iommufd answers as type1 does.
_TYPES: dict[Backend, tuple[int, ...]] = {"type1": (3, 1), "iommufd": (3, 1), "spapr_tce": (7, 2)}
_BIND = struct.Struct("=IIiI")  # argsz, flags, iommufd, out_devid
_ATTACH = struct.Struct("=III")  # argsz, flags, pt_id
_IOAS = struct.Struct("=III")  # size, flags, out_ioas_id

ALLOC: str = "IOMMU_IOAS_ALLOC"
ATTACH: str = "VFIO_DEVICE_ATTACH_IOMMUFD_PT"


class _Refused(Exception):
    """A call failed; it is the last of those that were made."""


class Plan(NamedTuple):
    """What is attached: devices of a group, and the nodes that some of them have.

    `nodes` are names below /dev/vfio/devices, by device. `dev` is the directory of the nodes.
    """

    group: int
    devices: tuple[str, ...]
    nodes: dict[str, str]
    dev: str = "/dev"


class _Attempt:
    """The calls that were made, and the files that they opened."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._files: list[int] = []
        self.calls: list[Called] = []

    def _make(self, call: str, on: str, made: Callable[[], T]) -> T:
        try:
            result = made()
        except OSError as error:
            number = error.errno or errno.EIO
            name = errno.errorcode.get(number, str(number))
            self.calls.append(Called(call, on, name))
            raise _Refused from error
        self.calls.append(Called(call, on))
        return result

    def open(self, path: str) -> int:
        file = self._make(OPEN, path, lambda: self._kernel.open(path))
        self._files.append(file)
        return file

    def ioctl(self, call: str, on: str, file: int, number: int, argument: bytearray | int) -> int:
        return self._make(call, on, lambda: self._kernel.ioctl(file, number, argument))

    def device(self, group: int, name: str) -> None:
        """Open a device by its group's node."""
        argument = bytearray(name.encode() + b"\0")
        self._files.append(self.ioctl(GET_DEVICE_FD, name, group, _GET_DEVICE_FD, argument))

    def iommu_type(self, container: int, types: Sequence[int]) -> int:
        """The first of these types that the container offers; the first of all if it has none."""
        for each in types:
            try:
                if self._kernel.ioctl(container, _CHECK_EXTENSION, each) > 0:
                    return each
            except OSError:  # VFIO_SET_IOMMU will tell
                break
        return types[0]

    def close(self) -> None:
        """Close all files, the last first: a device before its group, that before its container."""
        while self._files:
            self._kernel.close(self._files.pop())


def by_nodes(plan: Plan, backend: Backend) -> bool:
    """Whether devices are attached by nodes of their own, which opens them."""
    return backend == "iommufd" and all(name in plan.nodes for name in plan.devices)


def opens(backend: Backend, *, open_devices: bool) -> bool:
    """Whether an attach opens devices, which makes the kernel reset them.

    iommufd takes a device when it is opened, so there is no other way to ask it.
    """
    return open_devices or backend == "iommufd"


def attach(kernel: Kernel, plan: Plan, backend: Backend, *, open_devices: bool) -> list[Called]:
    """Attach, and take all back. Returns the calls that were made; the last may have failed."""
    attempt = _Attempt(kernel)
    try:
        if by_nodes(plan, backend):
            _by_nodes(attempt, plan)
        else:
            _by_container(
                attempt, plan, backend, open_devices=opens(backend, open_devices=open_devices)
            )
    except _Refused:
        pass  # the last call says it
    finally:
        attempt.close()
    return attempt.calls


def _by_container(attempt: _Attempt, plan: Plan, backend: Backend, *, open_devices: bool) -> None:
    node = f"{plan.dev}/{'iommu' if backend == 'iommufd' else 'vfio/vfio'}"
    container = attempt.open(node)
    path = f"{plan.dev}/vfio/{plan.group}"
    group = attempt.open(path)
    argument = bytearray(struct.pack("=i", container))
    attempt.ioctl(SET_CONTAINER, path, group, _SET_CONTAINER, argument)
    kind = attempt.iommu_type(container, _TYPES[backend])
    attempt.ioctl(SET_IOMMU, node, container, _SET_IOMMU, kind)
    for name in plan.devices if open_devices else ():
        attempt.device(group, name)


def _by_nodes(attempt: _Attempt, plan: Plan) -> None:
    node = f"{plan.dev}/iommu"
    iommufd = attempt.open(node)
    space: int | None = None
    for name in plan.devices:
        device = attempt.open(f"{plan.dev}/vfio/devices/{plan.nodes[name]}")
        bind = bytearray(_BIND.pack(_BIND.size, 0, iommufd, 0))
        attempt.ioctl(BIND_IOMMUFD, name, device, _BIND_IOMMUFD, bind)
        if space is None:
            alloc = bytearray(_IOAS.pack(_IOAS.size, 0, 0))
            attempt.ioctl(ALLOC, node, iommufd, _IOAS_ALLOC, alloc)
            space = _IOAS.unpack(alloc)[2]
        pt = bytearray(_ATTACH.pack(_ATTACH.size, 0, space))
        attempt.ioctl(ATTACH, name, device, _ATTACH_PT, pt)
