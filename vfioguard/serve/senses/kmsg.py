"""The kernel's log as it is written: what concerns remapping, and the faults of each device.

/dev/kmsg gives one record a read, EPIPE where records were overwritten before they were read
(Documentation/ABI/testing/dev-kmsg). It needs CAP_SYSLOG where kernel.dmesg_restrict is set.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from collections import Counter
from collections.abc import Callable

from vfioguard.kernel import log
from vfioguard.serve.senses.hint import EVERYTHING, Hint

_RECORD = 8192  # CONSOLE_EXT_LOG_MAX, kernel/printk/printk.c
#: Records that are taken in one go, and devices that are counted by name: a storm of faults is
#: what a broken device makes.
_BATCH, _DEVICES = 256, 256
#: Between 5.10.262 and 6.1.192 Intel's driver printed 0x before two of the numbers.
_BDF = (
    rb"(?:(?P<segment>[0-9a-f]{4,}):)?(?:0x)?(?P<bus>[0-9a-f]{2})"
    rb":(?:0x)?(?P<rest>[0-9a-f]{2}\.[0-7])"
)
#: A priority below 8 has the facility LOG_KERN, which the kernel gives to nobody else.
_OF_KERNEL = re.compile(rb"[0-7],")
_INFO = b"6,"
#: How drivers print a fault, from 5.10.262 to 7.3.4; what has no device here names none, or only a
#: number by which the IOMMU knows it. At the beginning: further on there may be what a device calls
#: itself.
_FAULTS = tuple(
    re.compile(pattern)
    for pattern in (
        # drivers/iommu/intel/dmar.c dmar_fault_do_one()
        rb"DMAR: \[(?:DMA|INTR-REMAP)[^\]]*\] Request device \[" + _BDF + rb"\]",
        # drivers/iommu/amd/iommu.c: iommu_print_event() names the IOMMU before it, as ivhd0
        rb"(?:\S+ \S+: )?AMD-Vi: Event logged \[[A-Z_]+ device=" + _BDF,
        # and amd_iommu_report_page_fault() and its like the device itself, with its driver
        rb"\S+ " + _BDF + rb": AMD-Vi: Event logged \[(?:IO_PAGE_FAULT|RMP_[A-Z_]+) ",
        rb"AMD-Vi:   device=" + _BDF + rb" domain=",
        # drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c arm_smmu_dump_event()
        rb"arm-smmu-v3 \S+: event: \S+ client: (?:" + _BDF + rb" )?",
        # drivers/iommu/arm/arm-smmu/arm-smmu.c
        rb"arm-smmu \S+: (?:Unhandled context fault:|Unexpected global fault)",
        rb"arm-smmu \S+: Blocked unknown Stream ID ",
        # drivers/iommu/virtio-iommu.c viommu_fault_handler()
        rb"virtio_iommu \S+: (?:domain|page|unknown) fault from EP ",
        # drivers/iommu/riscv/iommu.c riscv_iommu_fault()
        rb"(?:riscv,iommu|iommu_pci) \S+: Fault \d+ devid: 0x",
    )
)
#: arm_smmu_evtq_thread() says no more of an event than this, and numbers (6.12.118). That of 7.2.13
#: says it as an error, and then what the event is.
_RAW_EVENT = re.compile(rb"arm-smmu-v3 \S+: event 0x[0-9a-f]{2} received:")
#: As what faults count of which no device is known, and of devices that are not counted by name.
OTHER = "other"
#: What the drivers say when remapping is decided or lost, and VFIO when it refuses (policy.md 3.6).
_TELLING = (b"DMAR-IR: ", b"AMD-Vi: Interrupt remapping", b"AMD-Vi: Disabling", b"ITS", b"GICv2m")


_log = logging.getLogger("vfioguard")


class LogFollower:
    """Counts faults by device (`OTHER` where it is not known, or not kept) and refused attaches."""

    def __init__(self, tell: Callable[[Hint], None], path: str = log.KMSG) -> None:
        self.faults: Counter[str] = Counter()
        self.refused = 0
        self._tell = tell
        self._path = path
        self._fd = -1

    @property
    def following(self) -> bool:
        """Whether the log is being read."""
        return self._fd >= 0

    def start(self) -> None:
        """Follow from now on; raises OSError where the log may not be read."""
        self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.lseek(self._fd, 0, os.SEEK_END)
            asyncio.get_running_loop().add_reader(self._fd, self._drain)
        except OSError:  # a container may have /dev/null in its place
            self.close()
            raise

    def close(self) -> None:
        """Stop following."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _drain(self) -> None:
        for _ in range(_BATCH):
            try:
                record = os.read(self._fd, _RECORD)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return
                self._tell(EVERYTHING)  # what was overwritten may have been about remapping
                if error.errno == errno.EPIPE:
                    continue
                _log.warning("the kernel's log is not followed any more: %s", error.strerror)
                self.close()
                return
            self.heard(record)

    def heard(self, record: bytes) -> None:
        """One record: "6,339,5140900,-;text"."""
        head, _, text = record.partition(b"\n")[0].partition(b";")
        if not _OF_KERNEL.match(head):
            return  # a process may write to the log too
        name = _faulting(text)
        if name is None and head.startswith(_INFO) and _RAW_EVENT.match(text):
            name = OTHER
        if name is not None:
            named = len(self.faults) - (OTHER in self.faults)
            self.faults[name if name in self.faults or named < _DEVICES else OTHER] += 1
        elif text.startswith(b"vfio_iommu_type1_attach_group: No interrupt remapping"):
            self.refused += 1
        elif text.startswith(_TELLING):
            self._tell(EVERYTHING)


def _faulting(text: bytes) -> str | None:
    """The device of a fault, `OTHER` if its driver names none. Returns None if it is no fault."""
    found = next((found for pattern in _FAULTS if (found := pattern.match(text))), None)
    if found is None:
        return None
    name = found.groupdict()
    if not name.get("bus"):
        return OTHER
    return b":".join((name["segment"] or b"0000", name["bus"], name["rest"])).decode()
