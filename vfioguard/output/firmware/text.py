"""Decoded tables for a person: the sentence that matters, then a few lines for each table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vfioguard.inference.firmware.of_host import Decoded, Firmware
from vfioguard.inference.memory.reserved import ReservedMemory
from vfioguard.output import Style
from vfioguard.output.firmware.lines import MEMORY, lines
from vfioguard.output.firmware.memory import memory_line

#: The most lines of one table, so that a usual machine fits on a screen. Memory is never cut.
_LINES = 12
_LOST = 4


def firmware_text(firmware: Firmware, style: Style) -> str:
    """The whole text, which ends in a newline."""
    return "".join(f"{line}\n" for line in _all(firmware, style))


def _all(firmware: Firmware, style: Style) -> Iterator[str]:
    yield from textwrap.wrap(firmware.sentence, style.width, subsequent_indent="  ")
    absent = [decoded.signature for decoded in firmware.tables if decoded.state == "absent"]
    for decoded in firmware.tables:
        if decoded.state != "absent":
            yield ""
            yield from _table(decoded, firmware.memory, style)
    if absent:
        yield ""
        yield f"absent: {', '.join(absent)}"


def _table(decoded: Decoded, reserved: ReservedMemory | None, style: Style) -> Iterator[str]:
    gap = decoded.gap
    if gap is not None:
        yield f"{decoded.signature}  {decoded.state}: {gap.source}: {gap.errno or gap.detail}"
        return
    if decoded.table is not None:
        title, *details = lines(decoded.table)
        yield from textwrap.wrap(
            f"{decoded.signature}  {title}", style.width, subsequent_indent="  "
        )
        memory = [line for line in details if line.startswith(MEMORY)]
        if reserved is not None and decoded.broken is None:
            memory = [
                memory_line(region) for region in reserved.memory if region.source == decoded.source
            ]
        others = [line for line in details if not line.startswith(MEMORY)]
        for line in memory + others[:_LINES]:
            yield from textwrap.wrap(
                line, style.width, initial_indent="  ", subsequent_indent="    "
            )
        if len(others) > _LINES:
            yield f"  and {len(others) - _LINES} more (--output json has all)"
    if decoded.lost:
        yield from textwrap.wrap(_lost(decoded), style.width, subsequent_indent="  ")
    if decoded.broken is not None:
        place = f"offset {decoded.broken.offset}: {decoded.broken.why}"
        yield f"{decoded.signature}  makes no sense from here on: {place}"


def _lost(decoded: Decoded) -> str:
    """The references that lead nowhere: "IORT  1 reference leads nowhere: 0x58 to 0x999"."""
    count = len(decoded.lost)
    references = "1 reference leads" if count == 1 else f"{count} references lead"
    shown = ", ".join(f"{lost.offset:#x} to {lost.reference:#x}" for lost in decoded.lost[:_LOST])
    more = f" and {count - _LOST} more (--output json has all)" if count > _LOST else ""
    return f"{decoded.signature}  {references} nowhere: {shown}{more}"
