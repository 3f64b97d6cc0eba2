"""Hypervisors that give the kernel MSI domains of their own, in front of the ones known here.

/sys/hypervisor/type (Documentation/ABI/stable/sysfs-hypervisor-xen) and Hyper-V's /sys/bus/vmbus.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.root import Root, listing, reading, text

XEN = "/sys/hypervisor/type"
VMBUS = "/sys/bus/vmbus/devices"


def read(root: Root) -> Reading[str]:
    """ "xen", "hyperv", or "" if the kernel runs on neither."""
    kind = reading(root, XEN, text)
    if isinstance(kind, Fact):
        return kind
    if kind.why is not Why.ABSENT:
        return kind
    vmbus = listing(root, VMBUS)
    if isinstance(vmbus, Gap):
        return Fact("", b"", XEN) if vmbus.why is Why.ABSENT else vmbus
    return Fact("hyperv" if vmbus.value else "", vmbus.raw, VMBUS)
