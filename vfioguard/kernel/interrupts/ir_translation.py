"""/sys/kernel/debug/iommu/intel/ir_translation_struct (CONFIG_INTEL_IOMMU_DEBUGFS).

ir_translation_struct_show() in drivers/iommu/intel/debugfs.c reads the hardware's own bit for every
unit that can remap: GSTS.IRES (VT-d 5.0 11.4.4.2).
"""

from __future__ import annotations

import re

from vfioguard.fact import Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root

PATH = "/sys/kernel/debug/iommu/intel/ir_translation_struct"
_SIZE = 8 << 20
_UNIT = (
    rb"(?m)^Remapped Interrupt supported on IOMMU: .*\n"
    rb"(?: IR table address|Interrupt Remapping is not)"
)


def select(raw: bytes) -> bytes:
    """Keep each unit's heading and state, and drop its table."""
    return b"".join(match[0] + b"\n" for match in re.finditer(_UNIT, raw))


def parse(raw: bytes) -> bool:
    """Whether every unit that can remap interrupts remaps them."""
    states = [b"IR table address" in match[0] for match in re.finditer(_UNIT, raw)]
    if not states:
        raise Malformed("no unit that supports remapped interrupts")
    return all(states)


def read(root: Root) -> Reading[bool]:
    """Whether the hardware remaps interrupts now."""
    try:
        raw = root.head(PATH, _SIZE, select)
    except OSError as error:
        return gap_from(error, PATH)
    return parse_raw(raw, PATH, parse)
