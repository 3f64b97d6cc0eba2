"""/proc/interrupts: a second witness beside /sys/kernel/irq (kernel/irq/proc.c).

Only the beginning is read: wired interrupts come first, and a large host has megabytes of MSIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vfioguard.fact import Malformed, Reading, gap_from, printable_bytes
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root

PATH = "/proc/interrupts"
_SIZE = 64 << 10
#: The x86 interrupts with lower numbers are wired; see kernel/interrupts/irq.py.
_WIRED = 24

# After the chip's name: "1048576-edge", "27 Level", or in old kernels one word: "IO-APIC-edge".
_CHIP = re.compile(rb"(\S+(?: \S+)*?)(?: +\d+(?:-\w+)?(?: +(?:Level|Edge))?)(?: |$)")
_FLOW = rb"-(?:edge|level|fasteoi)$"


def parse(raw: bytes) -> Mapping[int, str]:
    """Wired interrupt -> chip name."""
    lines = raw.split(b"\n")
    cpus = _cpus(lines[0])
    if not cpus or len(lines) == 1:
        raise Malformed("no header of CPUs")
    chips: dict[int, str] = {}
    for line in lines[1:-1]:
        number = _wired(line)
        if number is None:
            continue
        fields = line.split(maxsplit=cpus + 1)
        rest = fields[cpus + 1] if len(fields) > cpus + 1 else b""
        chip = _CHIP.match(rest)
        name = chip[1] if chip else re.sub(_FLOW, b"", rest.split()[0]) if rest.split() else b""
        chips[number] = printable_bytes(name)
    return chips


def _cpus(header: bytes) -> int:
    """The number of CPUs that have a column. Returns 0 if the line is not the header."""
    words = [word for word in header.split(b" ") if word]
    known = all(word.startswith(b"CPU") and word[3:].isdigit() for word in words)
    return len(words) if known and header.startswith(b" ") else 0


def _wired(line: bytes) -> int | None:
    """The number of the wired interrupt in `line`. Returns None for any other line."""
    head, _, rest = line.partition(b":")
    number = head.lstrip(b" ")
    if not number.isdigit() or len(number) > 9 or int(number) >= _WIRED:
        return None
    count, more, _ = rest.lstrip(b" ").partition(b" ")
    return int(number) if rest.startswith(b" ") and count.isdigit() and more else None


def select(raw: bytes) -> bytes:
    """Keep the header and the wired interrupts. The other lines name devices, which is private."""
    lines = raw.split(b"\n")[:-1]  # a line without its newline was cut
    kept = [line for line in lines[1:] if _wired(line) is not None]
    return b"".join(line + b"\n" for line in [*lines[:1], *kept])


def read(root: Root) -> Reading[Mapping[int, str]]:
    """The chips of the wired interrupts that have a handler."""
    try:
        raw = root.head(PATH, _SIZE, select)
    except OSError as error:
        return gap_from(error, PATH)
    return parse_raw(raw, PATH, parse)
