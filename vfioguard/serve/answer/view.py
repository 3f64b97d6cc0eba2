"""One Report as bytes, rendered once however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from vfioguard import leaves, unchanged, wording
from vfioguard.output import Output, Style, prometheus
from vfioguard.output.json import (
    device_json,
    dumps,
    group_json,
    head_json,
    tail_json,
    ungrouped_json,
)
from vfioguard.report import SCHEMA_VERSION, GroupReport, Report, UngroupedDevice
from vfioguard.serve.answer.blocks import Blocks
from vfioguard.serve.answer.body import Body, Piece, piece, pieces, whole
from vfioguard.serve.answer.page import page
from vfioguard.target import Targets
from vfioguard.verdict import Outcome

if TYPE_CHECKING:
    from vfioguard.json_shapes import answers as shapes
    from vfioguard.json_shapes.report import Device, Document


class View:
    """What the handlers serve. `tag` names these bytes among all that any process ever serves.

    Nothing is rendered before it is asked for, and of `before` everything is kept that the same
    groups make. What takes long belongs into a thread; two that ask at once render twice, no more.
    """

    def __init__(self, report: Report, tag: str, before: View | None = None) -> None:
        self.report = report
        self.tag = tag
        self._bodies: dict[str, Body] = {}
        numbers, moved = (None, True) if before is None else _changed(before.report, report)
        self.json_blocks: Blocks = (before.json_blocks if before else _JSON_BLOCKS).after(numbers)
        self.line_blocks: Blocks = (before.line_blocks if before else _LINE_BLOCKS).after(numbers)
        group_of = before.targets.group_of if before and not moved else None
        self.targets: Targets = Targets(report, group_of)

    def body(self, name: str, make: Callable[[], Body]) -> Body:
        """The body of this name, made when it is first asked for."""
        found = self._bodies.get(name)
        if found is None:
            found = self._bodies[name] = make()
        return found

    def has(self, name: str) -> bool:
        """Whether a body is at hand."""
        return name in self._bodies

    def json(self) -> Body:
        """The whole report."""
        head = dumps(head_json(self.report))[:-1].encode() + b',"groups":['
        tail = b"]," + dumps(tail_json(self.report))[1:].encode() + b"\n"
        groups = self.json_blocks.pieces(self.report.groups)
        return Body((*pieces(head), *groups, *pieces(tail)), self.tag)

    def metrics(self, *, openmetrics: bool) -> Body:
        """The metrics that the report knows."""
        families = prometheus.families(self.report)
        return whole(prometheus.render(families, openmetrics=openmetrics).encode())

    def form(self, output: Output) -> Body:
        """Another form of the whole report."""
        text = output.render(self.report, Style(every_group=True)).encode()
        return whole(text, f"{self.tag}-{output.media_type.partition(';')[0]}")

    def page(self) -> Body:
        """The page for people."""
        return whole(page(self.report).encode())

    def selected(self, outcomes: Collection[Outcome]) -> list[GroupReport]:
        """The groups with one of these outcomes; all of them where none is named."""
        return [g for g in self.report.groups if not outcomes or g.outcome in outcomes]

    def groups_json(self, outcomes: Collection[Outcome]) -> Body:
        """The list of groups."""
        head, tail = piece(_open(self.report.generated_at) + b'"groups":['), piece(b"]}\n")
        return Body((head, *self._some(self.json_blocks, outcomes), tail), f"{self.tag}-groups")

    def groups_text(self, outcomes: Collection[Outcome]) -> Body:
        """A line for each group, its members in the third column."""
        return Body(self._some(self.line_blocks, outcomes), f"{self.tag}-lines")

    def _some(self, blocks: Blocks, outcomes: Collection[Outcome]) -> Iterator[Piece]:
        """All groups from what is kept; a selection is rendered, as nobody asks twice for it."""
        selected = self.selected(outcomes)
        if len(selected) == len(self.report.groups):
            return blocks.pieces(selected)
        return blocks.after(None).pieces(selected)


def one_group_json(group: GroupReport, generated_at: str) -> bytes:
    """One group with its proof."""
    return _open(generated_at) + _group(group)[1:] + b"\n"


def one_device_json(name: str, found: GroupReport | UngroupedDevice, generated_at: str) -> bytes:
    """The device of this name, its verdict and its group, which is what was found for it."""
    device: Device | shapes.UngroupedDevice
    if isinstance(found, GroupReport):
        device = device_json(next(member for member in found.devices if member.name == name))
        outcome, needs = found.outcome, found.headline.needs_override
        group = _group(found)
    else:
        device = {**ungrouped_json(found), "bus": "pci", "isolated": None}
        outcome, needs = Outcome.UNKNOWN, None
        group = b"null"
    shown: shapes.DeviceHead = {"device": device, "outcome": outcome, "needs_override": needs}
    return _open(generated_at) + dumps(shown)[1:-1].encode() + b',"group":' + group + b"}\n"


def _group(group: GroupReport) -> bytes:
    return dumps(group_json(group)).encode()


def _line(group: GroupReport) -> bytes:
    return f"{wording.group_line(group)}\n".encode()


#: Of no report yet: what every first view begins with.
_JSON_BLOCKS = Blocks(_group, b",")
_LINE_BLOCKS = Blocks(_line)


def _changed(before: Report, after: Report) -> tuple[list[int], bool]:
    """The numbers of the groups that are not as they were; whether any device may have moved."""
    old, new = before.groups, after.groups
    differ = unchanged.differing(old, new)
    if differ is not None and all(old[at].id == new[at].id for at in differ):
        moved = any(_names(old[at]) != _names(new[at]) for at in differ)
        return [new[at].id for at in differ], moved
    was = {group.id: group for group in old}
    return [group.id for group in new if was.pop(group.id, None) is not group] + list(was), True


def _names(group: GroupReport) -> list[str]:
    return [device.name for device in group.devices]


def forms() -> dict[str, Output]:
    """Every form of `--output` by its media type without parameters, JSON first.

    Of two with the same type the text for people wins: the other has a route of its own.
    """
    names = sorted(leaves.names("vfioguard.output"), key=lambda n: (n != "json", n != "text", n))
    found: dict[str, Output] = {}
    for name in names:
        output = leaves.load("vfioguard.output", name, "OUTPUT", Output)
        found.setdefault(output.media_type.partition(";")[0], output)
    return found


def _open(generated_at: str) -> bytes:
    opening: Document = {"schema_version": SCHEMA_VERSION, "generated_at": generated_at}
    return dumps(opening)[:-1].encode() + b","
