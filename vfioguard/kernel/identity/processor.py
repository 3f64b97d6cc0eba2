"""/proc/cpuinfo of an x86: vendor, family and model, which AMD's driver tests (boot_cpu_data).

arch/x86/kernel/cpu/proc.c show_cpuinfo(). Only the first processor is read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vfioguard.fact import Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.kernel.identity import arch
from vfioguard.root import Root


class Processor(NamedTuple):
    """A kind of processor: "HygonGenuine", family 0x18, model 4."""

    vendor: str
    family: int
    model: int


def parse(raw: bytes) -> Processor:
    """The processor, from the fields that arch.select() keeps."""
    fields = dict(re.findall(arch.PROCESSOR, raw))
    try:
        vendor, family, model = fields[b"vendor_id"], fields[b"cpu family"], fields[b"model"]
    except KeyError as error:
        raise Malformed(f"no {error.args[0].decode()} of a processor") from error
    return Processor(vendor.decode(), _number(family), _number(model))


def _number(digits: bytes) -> int:
    if not digits.isdigit():
        raise Malformed(f"not a number of a processor: {digits!r:.32}")
    return int(digits)


def read(root: Root) -> Reading[Processor]:
    """The processor that the kernel booted on."""
    try:
        raw = root.head(arch.CPUINFO, arch.FIRST_CPU, arch.select)
    except OSError as error:
        return gap_from(error, arch.CPUINFO)
    return parse_raw(raw, arch.CPUINFO, parse)
