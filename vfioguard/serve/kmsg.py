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
from vfioguard.serve.news import EVERYTHING, News

_RECORD = 8192  # CONSOLE_EXT_LOG_MAX, kernel/printk/printk.c
#: Records that are taken in one go, and devices that are counted by name: a storm of faults is
#: what a broken device makes.
_BATCH, _DEVICES = 256, 256
_BDF = rb"([0-9a-f]{4,}:)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
#: A priority below 8 has the facility LOG_KERN, which the kernel gives to nobody else.
_OF_KERNEL = re.compile(rb"[0-7],")
#: drivers/iommu/intel/dmar.c dmar_fault_do_one(), drivers/iommu/amd/iommu.c iommu_print_event().
_FAULTS = (
    re.compile(rb"DMAR: \[(?:DMA|INTR-REMAP)[^\]]*\] Request device \[" + _BDF + rb"\]"),
    re.compile(rb"AMD-Vi: Event logged \[IO_PAGE_FAULT device=" + _BDF),
    re.compile(rb"\S+ " + _BDF + rb": AMD-Vi: Event logged \[IO_PAGE_FAULT"),
)
#: What the drivers say when remapping is decided or lost, and VFIO when it refuses (policy.md 3.6).
_TELLING = (b"DMAR-IR: ", b"AMD-Vi: Interrupt remapping", b"AMD-Vi: Disabling", b"ITS", b"GICv2m")


_log = logging.getLogger("vfioguard")


class LogFollower:
    """Counts faults by device ("other" beyond what is kept) and refused attaches."""

    def __init__(self, tell: Callable[[News], None], path: str = log.KMSG) -> None:
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
        for pattern in _FAULTS:
            # At its beginning: further on there may be what a device calls itself.
            if found := pattern.match(text):
                name = ((found[1] or b"0000:") + found[2]).decode()
                known = name in self.faults or len(self.faults) < _DEVICES
                self.faults[name if known else "other"] += 1
                return
        if text.startswith(b"vfio_iommu_type1_attach_group: No interrupt remapping"):
            self.refused += 1
        elif text.startswith(_TELLING):
            self._tell(EVERYTHING)
