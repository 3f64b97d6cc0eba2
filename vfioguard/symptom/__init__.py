"""What people paste before they know of groups: an errno of VFIO, or a line of a log or a program.

This is data: `errors.py` has the causes of each errno by the call that answers it, `messages/` the
lines with one meaning, `words.py` how errnos, calls and devices are written. `paste.py` reads a
text by them. Nothing here looks at a host.
"""

from __future__ import annotations

from enum import StrEnum

from vfioguard.typed import NamedTuple


class Call(StrEnum):
    """The call that fails; its value is what the answer calls it."""

    DRIVER = "binding the device to a VFIO driver"
    OPEN = "open of /dev/vfio/N"
    NODE = "open of /dev/vfio/devices/vfioN"
    CONTAINER = "open of /dev/vfio/vfio or /dev/iommu"
    SET_CONTAINER = "VFIO_GROUP_SET_CONTAINER"
    SET_IOMMU = "VFIO_SET_IOMMU"
    GET_DEVICE = "VFIO_GROUP_GET_DEVICE_FD"
    IOMMUFD = "VFIO_DEVICE_BIND_IOMMUFD"
    ATTACH = "VFIO_DEVICE_ATTACH_IOMMUFD_PT"
    MAP = "VFIO_IOMMU_MAP_DMA"
    INTERRUPT = "VFIO_DEVICE_SET_IRQS"
    RESET = "the reset of the device"


class About(StrEnum):
    """The fact of a host that a cause hangs on; the value is the cause's name in one line."""

    INTERRUPTS = "interrupts"
    MEMORY = "firmware memory"
    MEMBERS = "a host driver in the group"
    GROUPS = "no IOMMU group"
    HELD = "somebody holds the group"
    BRIDGE = "a bridge"
    COHERENCY = "no cache coherency"
    DENYLIST = "vfio-pci's denylist"
    NOIOMMU = "a no-IOMMU group"
    REGRESSION = "a kernel that refuses VFs"
    UNBOUND = "no VFIO driver bound"
    VF_KEY = "a VF token"
    FUNCTIONS = "virtual functions"
    MODULE = "a module that is not loaded"
    IGD = "Intel's graphics"


class Whose(StrEnum):
    """Where a line sends its reader; the value is its name in JSON."""

    VFIO = "vfio"
    #: A fault of the device or of the guest's setup: the interrupts have nothing to do with it.
    DEVICE = "device"
    #: Another subsystem answers: a limit, a cgroup, KVM, the network, permissions of files.
    OTHER = "other"
    #: Nothing is wrong.
    FINE = "fine"
    #: The line only repeats that another one failed.
    REST = "repeats"


class Cause(NamedTuple):
    """One cause of an errno: the calls that return it, why, and what to do.

    Kernels have it from `since` on and up to `until`, (major, minor) both included, as far as
    kernel.org's releases go. `about` is the fact of the host that makes it possible, or None if no
    file shows it; `name` is then the cause's name in one line. `sure`: the errno alone proves it.
    Words in braces are filled in for the host (output/explain/view.py).
    """

    calls: tuple[Call, ...]
    why: str
    change: str
    about: About | None = None
    name: str = ""
    since: tuple[int, int] | None = None
    until: tuple[int, int] | None = None
    whose: Whose = Whose.VFIO
    sure: bool = False

    @property
    def label(self) -> str:
        """The cause's name in one line."""
        return self.name or str(self.about)


class Message(NamedTuple):
    """A line with one meaning, whatever errno stands in it.

    `patterns` are its texts: what is between two `*` has to follow each other, in any letter case.
    `about` is the fact of the host that is shown beside it. `x86` marks a line that only kernels of
    x86 write. If the patterns name a `thing`, a line has to say too that something failed.
    """

    patterns: tuple[str, ...]
    whose: Whose
    means: str
    change: str = ""
    about: About | None = None
    errno: str | None = None
    call: Call | None = None
    x86: bool = False
    general: bool = False
    thing: bool = False


def causes_of(name: str | None, call: Call | None) -> tuple[tuple[str, Cause], ...]:
    """The causes of an errno at a call, each with the errno's name, the usual one first.

    `name` and `call` may be None if they are not known. An example of a name is "EPERM".
    """
    from vfioguard.symptom.errors import ERRORS

    return tuple(
        (errno, cause)
        for errno, causes in ERRORS.items()
        if name in {None, errno}
        for cause in causes
        if call is None or call in cause.calls
    )


def every_message() -> tuple[Message, ...]:
    """All messages; of two that match a line the first counts."""
    from vfioguard.symptom.messages import (
        attach,
        binding,
        devices,
        elsewhere,
        nodes,
        programs,
        remapping,
        starting,
        xen,
    )

    rooms = (xen, nodes, programs, starting, remapping, elsewhere, binding, devices, attach)
    return tuple(message for room in rooms for message in room.MESSAGES)
