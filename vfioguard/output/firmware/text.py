"""Decoded tables for a person: the sentence that matters, then a few lines for each table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vfioguard.inference.firmware.of_host import Decoded, Firmware
from vfioguard.inference.memory.reserved import Found
from vfioguard.output import Style
from vfioguard.output.firmware.lines import MEMORY, lines
from vfioguard.output.firmware.memory import memory_line

#: Lines of one table: all of a usual machine's fit on a screen. Memory is never cut.
_LINES = 12
_LOST = 4


def firmware_text(firmware: Firmware, style: Style) -> str:
    """The whole text."""
    return "".join(f"{line}\n" for line in _all(firmware, style))


def _all(firmware: Firmware, style: Style) -> Iterator[str]:
    yield from textwrap.wrap(firmware.sentence, style.width, subsequent_indent="  ")
    absent = [one.signature for one in firmware.tables if one.state == "absent"]
    for one in firmware.tables:
        if one.state != "absent":
            yield ""
            yield from _table(one, firmware.memory, style)
    if absent:
        yield ""
        yield f"absent: {', '.join(absent)}"


def _table(one: Decoded, kept: Found | None, style: Style) -> Iterator[str]:
    if one.gap is not None:
        yield f"{one.signature}  {one.state}: {one.gap.source}: {one.gap.errno or one.gap.detail}"
        return
    if one.table is not None:
        title, *rest = lines(one.table)
        yield from textwrap.wrap(f"{one.signature}  {title}", style.width, subsequent_indent="  ")
        memory = [line for line in rest if line.startswith(MEMORY)]
        if kept is not None and one.broken is None:
            memory = [memory_line(found) for found in kept.memory if found.source == one.source]
        others = [line for line in rest if not line.startswith(MEMORY)]
        for line in memory + others[:_LINES]:
            yield from textwrap.wrap(
                line, style.width, initial_indent="  ", subsequent_indent="    "
            )
        if len(others) > _LINES:
            yield f"  and {len(others) - _LINES} more (--output json has all)"
    if one.lost:
        yield from textwrap.wrap(_lost(one), style.width, subsequent_indent="  ")
    if one.broken is not None:
        at = f"offset {one.broken.offset}: {one.broken.why}"
        yield f"{one.signature}  makes no sense from here on: {at}"


def _lost(one: Decoded) -> str:
    """ "IORT  1 reference leads nowhere: 0x58 to 0x999"."""
    count = len(one.lost)
    what = "1 reference leads" if count == 1 else f"{count} references lead"
    shown = ", ".join(f"{lost.offset:#x} to {lost.reference:#x}" for lost in one.lost[:_LOST])
    more = f" and {count - _LOST} more (--output json has all)" if count > _LOST else ""
    return f"{one.signature}  {what} nowhere: {shown}{more}"
