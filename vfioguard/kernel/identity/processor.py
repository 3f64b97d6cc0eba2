"""/proc/cpuinfo of an x86: vendor, family and model, which AMD's driver tests (boot_cpu_data).

Also whether a hypervisor says that it is there: X86_FEATURE_HYPERVISOR.

arch/x86/kernel/cpu/proc.c show_cpuinfo(). Only the first processor is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vfioguard.fact import Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.kernel.identity import arch
from vfioguard.root import Root
from vfioguard.typed import NamedTuple, TypeVar

T = TypeVar("T")


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
    return _first(root, parse)


def _first(root: Root, parser: Callable[[bytes], T]) -> Reading[T]:
    try:
        raw = root.head(arch.CPUINFO, arch.FIRST_CPU, arch.select)
    except OSError as error:
        return gap_from(error, arch.CPUINFO)
    return parse_raw(raw, arch.CPUINFO, parser)


def virtual(root: Root) -> Reading[bool]:
    """Whether the processor's flags name a hypervisor. Returns a gap if they are not all seen."""
    return _first(root, _virtual)


def vendor(root: Root) -> Reading[str]:
    """The processor's maker, even if its family and model are not shown."""
    return _first(root, _vendor)


def _vendor(raw: bytes) -> str:
    fields: dict[bytes, bytes] = dict(re.findall(arch.PROCESSOR, raw))
    if b"vendor_id" not in fields:
        raise Malformed("no vendor_id of a processor")
    return fields[b"vendor_id"].decode()


def _virtual(raw: bytes) -> bool:
    if arch.VIRTUAL not in raw and arch.NATIVE not in raw:
        raise Malformed("no flags of an x86 processor")
    return arch.VIRTUAL in raw
