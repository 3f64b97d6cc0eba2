"""The table of all devices: its rows, and which of them a reader asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from vfioguard.attach import Attach
from vfioguard.device_facts import DeviceFacts
from vfioguard.page.answers import NOT_ATTACHABLE, SHOWN, Shown, shown
from vfioguard.report import NO_GROUP, GroupReport, Report, UngroupedDevice
from vfioguard.typed import NamedTuple, TypeAlias

#: Rows of the page, and the most that one answer has.
ROWS = 40
MOST = 400
#: Characters of a search.
LONGEST = 200
_EXACT = ("answer:", "group:", "numa:")


FactsByName: TypeAlias = Mapping[str, DeviceFacts]


class Row(NamedTuple):
    """A device. `group` is None if it is in none. `numa` is "" if no node is known."""

    name: str
    what: str
    driver: str
    group: int | None
    shown: Shown
    numa: str
    why: str


class Asked(NamedTuple):
    """What a reader asks for: words that a row must all have, the order, and the first row."""

    words: str = ""
    sort: str = ""
    down: bool = False
    start: int = 0


class Part(NamedTuple):
    """Some rows. `matching` is how many there are in all, `every` how many without a search."""

    asked: Asked
    rows: tuple[Row, ...]
    matching: int
    every: int

    @property
    def end(self) -> int:
        """The number of the row behind the last one."""
        return self.asked.start + len(self.rows)


_SEVERITY = {shown.key: rank for rank, shown in enumerate(SHOWN.values())} | {NOT_ATTACHABLE: 9}
#: What a column is sorted by. The names are those of the columns in the address.
SORTS: dict[str, Callable[[Row], object]] = {
    "device": lambda row: row.name,
    "name": lambda row: (not row.what, row.what.lower(), row.name),
    "driver": lambda row: (not row.driver, row.driver, row.name),
    "group": lambda row: (row.group is None, row.group or 0, row.name),
    "answer": lambda row: (_SEVERITY[row.shown.key], row.name),
    "numa": lambda row: (not row.numa.isdecimal(), int(row.numa) if row.numa.isdecimal() else 0),
}


def rows(report: Report, facts: Mapping[str, DeviceFacts]) -> tuple[Row, ...]:
    """All devices: the worst answers first, and those in no group last."""
    known = [_row(group, place, facts) for group in report.groups for place in _members(group)]
    known.sort(key=lambda row: (_SEVERITY[row.shown.key], row.name))
    return (*known, *(_alone(device, facts) for device in report.ungrouped))


def part(every: Sequence[Row], asked: Asked, most: int = ROWS) -> Part:
    """The rows that somebody asks for."""
    words = asked.words[:LONGEST].lower().split()
    matching = [row for row in every if _has(row, words)] if words else list(every)
    if asked.sort in SORTS:
        key: Callable[[Row], object] = SORTS[asked.sort]
        matching.sort(key=key, reverse=asked.down)  # type: ignore[arg-type]
    start = min(max(asked.start, 0), max(0, len(matching) - 1) // most * most)
    shown_rows = tuple(matching[start : start + most])
    return Part(
        asked=asked._replace(start=start), rows=shown_rows, matching=len(matching), every=len(every)
    )


def _has(row: Row, words: Sequence[str]) -> bool:
    """Whether the row has all `words`; `answer:no`, `group:1` and `numa:0` are meant exactly."""
    text = f"{row.name} {row.what} {row.driver} group {row.group} {row.why}".lower()
    exact = (f"answer:{row.shown.key}", f"group:{row.group}", f"numa:{row.numa}", row.shown.key)
    return all(word in exact or (not word.startswith(_EXACT) and word in text) for word in words)


def _members(group: GroupReport) -> Iterator[tuple[str, str | None, str | None]]:
    for device in group.devices:
        yield device.name, device.driver, device.pci_id
    if not group.devices:
        yield "", None, None


def _row(
    group: GroupReport,
    member: tuple[str, str | None, str | None],
    facts: Mapping[str, DeviceFacts],
) -> Row:
    name, driver, identity = member
    return Row(
        name=name,
        what=what(facts.get(name), identity),
        driver=driver or "",
        group=group.id,
        shown=shown(group),
        numa=_numa(facts.get(name)),
        why=group.causes[0].replace("_", " ") if group.causes and group.attachable else "",
    )


def _alone(device: UngroupedDevice, facts: Mapping[str, DeviceFacts]) -> Row:
    return Row(
        name=device.name,
        what=what(facts.get(device.name), device.pci_id),
        driver=device.driver or "",
        group=None,
        shown=alone(device),
        numa=_numa(facts.get(device.name)),
        why=device.reason.removeprefix(NO_GROUP).strip(":; ") or NO_GROUP,
    )


def alone(device: UngroupedDevice) -> Shown:
    """The answer about a device in no group."""
    if device.forecast is not None:
        return SHOWN[device.forecast]
    return SHOWN[Attach.NO if device.binds is False else Attach.UNKNOWN]


def what(facts: DeviceFacts | None, identity: str | None) -> str:
    """What a device is: the names of pci.ids, else its class, else its id."""
    if facts is None:
        return identity or ""
    names = [name for name in (facts.vendor_name, facts.device_name) if name]
    return " ".join(names) or facts.class_name or identity or ""


def _numa(facts: DeviceFacts | None) -> str:
    return "" if facts is None or facts.numa_node is None else str(facts.numa_node)
