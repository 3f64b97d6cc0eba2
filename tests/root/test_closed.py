"""A host without the paths whose reads were given up."""

from __future__ import annotations

import errno

import pytest

from tests.support.hosts import x86_host
from vfioguard.reading.take import take
from vfioguard.root.capture import pack
from vfioguard.root.closed import Closed
from vfioguard.root.memory import Memory, Refused
from vfioguard.root.recording import Recording

DEVICE = "/sys/bus/pci/devices/0000:01:00.0"


def closed(root: Closed, path: str) -> bool:
    try:
        root.readlink(path)
    except OSError as error:
        return error.errno == errno.ETIMEDOUT
    return False


def test_every_way_to_it_is_closed_and_nothing_else() -> None:
    root = Closed(Memory(x86_host()), [f"{DEVICE}/iommu_group"])
    assert closed(root, f"{DEVICE}/iommu_group")
    assert closed(root, "/sys/kernel/iommu_groups/0/devices/0000:01:00.0/iommu_group")
    assert not closed(root, f"{DEVICE}/uevent")
    assert not closed(root, "/sys/bus/pci/devices/0000:02:00.0/iommu_group")


def test_of_a_device_that_hangs_twice_nothing_is_read() -> None:
    root = Closed(Memory(x86_host()), [f"{DEVICE}/uevent", f"{DEVICE}/msi_irqs"])
    assert closed(root, f"{DEVICE}/driver")
    assert closed(root, f"{DEVICE}/msi_irqs/24")
    assert not closed(root, "/sys/bus/pci/devices/0000:02:00.0/driver")


def test_two_files_of_proc_close_no_third() -> None:
    root = Closed(Memory(x86_host()), ["/proc/interrupts", "/proc/cmdline"])
    assert not closed(root, "/proc/kallsyms")


@pytest.mark.parametrize("path", ["/proc/interrupts", "/sys/class/iommu", f"{DEVICE}/uevent"])
def test_a_capture_replays_that_it_did_not_answer(path: str) -> None:
    recording = Recording(Closed(Memory(x86_host()), [path]))
    taken = take(recording)
    assert Refused(errno.ETIMEDOUT) in recording.entries.values()
    assert take(Memory(recording.entries)) == taken
    assert b"VFIOGUARD.errno=ETIMEDOUT" in pack(recording.entries)
