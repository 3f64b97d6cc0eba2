"""/proc/interrupts: the second witness of what /sys/kernel/irq says (kernel/irq/proc.c).

Only its head is read: the wired interrupts come first, and a large host has megabytes of MSIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vfioguard.fact import Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root

PATH = "/proc/interrupts"
_SIZE = 64 << 10
#: Below this an x86 interrupt is wired; see kernel/irq.py.
_WIRED = 24

_HEADER = re.compile(rb"(?: +CPU\d+)+ *")
_LINE = re.compile(rb" *(\d{1,9}):((?: +\d+)+) +(.*)")
# Behind the chip: "1048576-edge", "27 Level", or an old kernel's "IO-APIC-edge" in one word.
_CHIP = re.compile(rb"(\S+(?: \S+)*?)(?: +\d+(?:-\w+)?(?: +(?:Level|Edge))?)(?: |$)")
_FLOW = re.compile(rb"-(?:edge|level|fasteoi)$")


def parse(raw: bytes) -> Mapping[int, str]:
    """Wired interrupt -> chip name."""
    lines = raw.split(b"\n")
    if not _HEADER.fullmatch(lines[0]) or len(lines) == 1:
        raise Malformed("no header of CPUs")
    cpus = len(lines[0].split())
    chips: dict[int, str] = {}
    for line in lines[1:-1]:
        match = _LINE.match(line)
        if match is None or int(match[1]) >= _WIRED:
            continue
        fields = line.split(maxsplit=cpus + 1)
        rest = fields[cpus + 1] if len(fields) > cpus + 1 else b""
        chip = _CHIP.match(rest)
        name = chip[1] if chip else _FLOW.sub(b"", rest.split()[0]) if rest.split() else b""
        chips[int(match[1])] = name.decode("ascii", "replace")
    return chips


def select(raw: bytes) -> bytes:
    """Keep the header and the wired lines; device names of the rest are nobody's business."""
    lines = raw.split(b"\n")[:-1]  # what follows the last newline was cut
    kept = [line for line in lines[1:] if (m := _LINE.match(line)) and int(m[1]) < _WIRED]
    return b"".join(line + b"\n" for line in [*lines[:1], *kept])


def read(root: Root) -> Reading[Mapping[int, str]]:
    """The chips of the wired interrupts that have a handler."""
    try:
        raw = root.head(PATH, _SIZE, select)
    except OSError as error:
        return gap_from(error, PATH)
    return parse_raw(raw, PATH, parse)
