"""The kernel's log of this boot (/dev/kmsg), reduced to the lines that bear on isolation.

Only presence is evidence: a ring that has wrapped, or kernel.dmesg_restrict, says nothing.
Documentation/ABI/testing/dev-kmsg. A recorded tree may carry the text of dmesg instead.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from vfioguard.fact import Fact, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first

KMSG = "/dev/kmsg"
#: Where a recorded tree keeps the output of dmesg.
DMESG = "/CAPTURE/dmesg"
_LIMIT = 4 << 20

Log: TypeAlias = tuple[str, ...]

# "6,339,5140900,-;text" (kmsg) or "[    5.140900] text" (dmesg), with the caller's id or without.
# Only the kernel's own lines: their priority is below 8, as LOG_KERN is 0 (syslog(3)).
_STAMP = rb"(?:[0-7],\d+,\d+,[^;\n]*;|(?:<[0-7]>)?\[ *\d+\.\d+\](?: ?\[ *[TC]\d+\])? )"
_KEPT = (
    rb"(?:DMAR(?:-IR)?: |AMD-Vi: |ITS[@: ]|GIC(?:v2m|v3|v5|v5 ITS)?: |x2apic: |"
    rb"Not enabling interrupt remapping|This system BIOS has enabled interrupt remapping|"
    rb"vfio_iommu_type1_attach_group: |VFIO - |IOMMUFD is providing )"
)


def select(raw: bytes) -> bytes:
    """Keep whole lines that begin, behind their time stamp, as one of the known drivers' do."""
    lines = raw.split(b"\n")
    kept = re.compile(_KEPT)
    return b"".join(line + b"\n" for line in lines if kept.match(line, _stamp(line)))


def parse(raw: bytes) -> Log:
    """The lines without their time stamps."""
    lines = (line[_stamp(line) :] for line in raw.split(b"\n") if line)
    return tuple(line.decode("ascii", "backslashreplace") for line in lines)


def _stamp(line: bytes) -> int:
    match = re.match(_STAMP, line)
    return match.end() if match else 0


def read(root: Root) -> Reading[Log]:
    """The kept lines of the running kernel's log, oldest first."""
    readings: list[Reading[Log]] = []
    for path in (KMSG, DMESG):
        try:
            readings.append(parse_raw(root.records(path, _LIMIT, select), path, parse))
        except OSError as error:
            readings.append(gap_from(error, path))
        if isinstance(readings[-1], Fact):
            break
    return first(tuple(readings))
