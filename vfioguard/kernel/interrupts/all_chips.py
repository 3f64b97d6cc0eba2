"""Which chips any interrupt of the machine has: /proc/interrupts and /sys/kernel/irq together.

/proc/interrupts shows thousands of interrupts in one read, but only those that have a handler or
were raised (kernel/irq/proc.c show_interrupts() (6.1.176, 6.12.118), irq_seq_next_desc() (7.2)).
/sys/kernel/irq has a directory for each interrupt (kernel/irq/irqdesc.c irq_sysfs_add()). So the
file is whole if both count the same, and the chips of the others are read one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.fact import Fact
from vfioguard.kernel.interrupts import irq, proc_interrupts
from vfioguard.root import Directory, Root
from vfioguard.typed import NamedTuple

#: Interrupts at most whose chips are read one by one, which costs three system calls each.
_FEW = 1024
#: Bytes of /proc/interrupts at most. With many CPUs the kernel takes longer to print more than a
#: reading of the whole host takes.
_SIZE = 16 << 20
#: Gaps between the numbers of /proc/interrupts that are looked for.
_GAPS = 64
_REMAPPED = "IR-"
_GENERIC = "PCI-MSI"


class Chips(NamedTuple):
    """Whether any interrupt of an x86 may be remapped, and whether any MSI may be generic.

    Either may be true by mistake, as a handler's name may look like a chip's. Neither is false by
    mistake.
    """

    remapped: bool
    generic: bool


def read(root: Root, irqs: Directory) -> Chips | None:
    """The chips of all interrupts. Returns None if they cannot be told in few reads."""
    try:
        count = root.subdirectories(irq.PATH)
        if count is not None and count > _FEW:
            return _of_many(root, irqs, count)
        names = root.listdir(irq.PATH)
        if len(names) > _FEW:
            return _of_many(root, irqs, len(names))
    except OSError:
        return None
    return _of_names(_chips(irqs, names))


def _chips(irqs: Directory, names: Iterable[str]) -> list[str]:
    """The chips of these interrupts; an interrupt that is gone, or shows no chip, has none."""
    numbers = (int(name) for name in names if _is_number(name))
    chips = (irq.chip_name(irqs, number) for number in numbers)
    return [chip.value for chip in chips if isinstance(chip, Fact)]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10


def _of_names(chips: Iterable[str]) -> Chips:
    kept = list(chips)
    return Chips(
        remapped=any(_REMAPPED in chip for chip in kept),
        generic=any(chip.startswith(_GENERIC) for chip in kept),
    )


def _of_many(root: Root, irqs: Directory, count: int) -> Chips | None:
    raw = root.head(proc_interrupts.PATH, _SIZE + 1)
    if len(raw) > _SIZE or not raw.endswith(b"\n"):
        return None
    others = _unlisted(root, irqs, raw, count)
    if others is None:
        return None
    rest = _of_names(others)
    return Chips(
        remapped=rest.remapped or _REMAPPED.encode() in raw,
        generic=rest.generic or f" {_GENERIC}".encode() in raw,
    )


def _unlisted(root: Root, irqs: Directory, raw: bytes, count: int) -> list[str] | None:
    """The chips of the interrupts that `raw` does not list, of `count` that there are."""
    lines = _Lines(raw)
    missing = count - lines.count
    if missing <= 0:
        return None if missing else []
    chips = _chips(irqs, map(str, lines.gaps()))
    if len(chips) == missing:
        return chips
    known = {_number(line) for line in raw.split(b"\n")}
    names = [name for name in root.listdir(irq.PATH) if name.encode() not in known]
    return None if len(names) > _FEW else _chips(irqs, names)


class _Lines:
    """The lines of interrupts in /proc/interrupts, which the kernel sorts by number.

    After them come counts of the architecture (NMI), before them the header. No line is parsed
    that need not be: there may be 100,000.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._begin = raw.find(b"\n") + 1
        self._end = len(raw)
        while self._end > self._begin:
            start = raw.rfind(b"\n", 0, self._end - 1) + 1
            if _number(raw[start : self._end]).isdigit():
                break
            self._end = start
        self.count = raw.count(b"\n", self._begin, self._end)

    def gaps(self) -> list[int]:
        """The numbers below the last that have no line, or a part of them if they are many."""
        if not self.count:
            return []
        first, last = self._at(self._begin), self._at(self._start(self._end))
        gaps = [range(first)]
        parts = [(self._begin, self._end, first, last + 1, self.count)]
        while parts and len(gaps) < _GAPS:
            begin, end, low, high, lines = parts.pop()
            if high - low <= lines:
                continue
            if lines == 1:
                gaps.append(range(low + 1, high))
                continue
            middle = self._start((begin + end) // 2)
            if middle <= begin:
                middle = self._raw.find(b"\n", begin) + 1
            before = self._raw.count(b"\n", begin, middle)
            number = self._at(middle)
            parts.append((begin, middle, low, number, before))
            parts.append((middle, end, number, high, lines - before))
        numbers = [number for gap in gaps for number in gap[:_FEW]]
        return numbers[:_FEW]

    def _start(self, end: int) -> int:
        """The offset of the line before `end`, or of the one that `end` is in."""
        return self._raw.rfind(b"\n", 0, end - 1) + 1

    def _at(self, start: int) -> int:
        """The number in the line at `start`; 0 if it has none, so that the counts differ."""
        number = _number(self._raw[start : start + 16])
        return int(number) if number.isdigit() else 0


def _number(line: bytes) -> bytes:
    return line.partition(b":")[0].lstrip(b" ")
