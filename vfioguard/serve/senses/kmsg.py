"""Follows the kernel's log: messages about remapping, and the faults of each device.

One read of /dev/kmsg returns one record. It fails with EPIPE if records were overwritten before
they were read (Documentation/ABI/testing/dev-kmsg). If kernel.dmesg_restrict is set, it needs
CAP_SYSLOG.
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
#: The most records that are taken in one go, and the most devices that are counted by name. A
#: broken device can log a storm of faults.
_BATCH, _DEVICES = 256, 256
#: Between 5.10.262 and 6.1.192 Intel's driver printed 0x before two of the numbers.
_BDF = (
    rb"(?:(?P<segment>[0-9a-f]{4,}):)?(?:0x)?(?P<bus>[0-9a-f]{2})"
    rb":(?:0x)?(?P<rest>[0-9a-f]{2}\.[0-7])"
)
#: A priority below 8 means the facility LOG_KERN, which only the kernel itself can use.
_OF_KERNEL = re.compile(rb"[0-7],")
_INFO = b"6,"
#: How drivers print a fault, from 5.10.262 to 7.3.4. A pattern without a device matches a message
#: that names none, or only the number that the IOMMU has for it. The patterns match the beginning
#: of a message, because its rest may hold a name that the device gave itself.
_FAULTS = tuple(
    re.compile(pattern)
    for pattern in (
        # drivers/iommu/intel/dmar.c dmar_fault_do_one()
        rb"DMAR: \[(?:DMA|INTR-REMAP)[^\]]*\] Request device \[" + _BDF + rb"\]",
        # drivers/iommu/amd/iommu.c: iommu_print_event() begins with the IOMMU, such as ivhd0
        rb"(?:\S+ \S+: )?AMD-Vi: Event logged \[[A-Z_]+ device=" + _BDF,
        # and amd_iommu_report_page_fault() and similar ones begin with the driver and the device
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
#: In 6.12.118 arm_smmu_evtq_thread() prints only this line and numbers for an event, as
#: information. In 7.2.13 it prints the line as an error, and then a line that `_FAULTS` matches.
_RAW_EVENT = re.compile(rb"arm-smmu-v3 \S+: event 0x[0-9a-f]{2} received:")
#: The name that counts a fault if its device is not known, or is not counted by name.
OTHER = "other"
#: How the messages begin that drivers print when remapping is decided or lost (policy.md 3.6).
_TELLING = (b"DMAR-IR: ", b"AMD-Vi: Interrupt remapping", b"AMD-Vi: Disabling", b"ITS", b"GICv2m")

_log = logging.getLogger("vfioguard")


class LogFollower:
    """Counts faults and refused attaches, and tells when remapping may have changed.

    `faults` counts by PCI address, or `OTHER`. `refused` counts the attaches that VFIO refused.
    `tell` gets the hints. `path` is the log's device node.
    """

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
        """Follow the log from now on. Raises OSError if it cannot be read."""
        self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.lseek(self._fd, 0, os.SEEK_END)
            asyncio.get_running_loop().add_reader(self._fd, self._drain)
        except OSError:  # a container may have /dev/null at this path
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
                self._tell(EVERYTHING)  # an overwritten record may have been about remapping
                if error.errno == errno.EPIPE:
                    continue
                _log.warning("the kernel's log is not followed any more: %s", error.strerror)
                self.close()
                return
            self.heard(record)

    def heard(self, record: bytes) -> None:
        """Take in one record, such as "6,339,5140900,-;text"."""
        head, _, text = record.partition(b"\n")[0].partition(b";")
        if not _OF_KERNEL.match(head):
            return  # a process wrote it: any process may do so
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
    """The address of a fault's device, or `OTHER` if the message names none.

    Returns None if the message is not about a fault.
    """
    match = next((match for pattern in _FAULTS if (match := pattern.match(text))), None)
    if match is None:
        return None
    parts = match.groupdict()
    if not parts.get("bus"):
        return OTHER
    return b":".join((parts["segment"] or b"0000", parts["bus"], parts["rest"])).decode()
