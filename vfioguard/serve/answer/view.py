"""One Report as bytes. Each form is rendered once, however often clients ask for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from vfioguard import leaves, unchanged, wording
from vfioguard.output import Output, Style
from vfioguard.output.json import (
    Json,
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


class View:
    """The forms of a report. `tag` identifies these bytes among all that any process ever serves.

    A form is rendered when it is first asked for. The text of a group that stayed the same is taken
    from `before`. Rendering can take long, so it is done in threads. If two ask at once, both
    render, which does no harm.
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
        """The body of this name. `make` makes it when it is first asked for."""
        body = self._bodies.get(name)
        if body is None:
            body = self._bodies[name] = make()
        return body

    def has(self, name: str) -> bool:
        """Whether the body of this name is made."""
        return name in self._bodies

    def json(self) -> Body:
        """The whole report as JSON."""
        head = dumps({**head_json(self.report)})[:-1].encode() + b',"groups":['
        tail = b"]," + dumps(tail_json(self.report))[1:].encode() + b"\n"
        groups = self.json_blocks.pieces(self.report.groups)
        return Body((*pieces(head), *groups, *pieces(tail)), self.tag)

    def form(self, output: Output) -> Body:
        """The whole report in the form of `output`."""
        text = output.render(self.report, Style(every_group=True)).encode()
        return whole(text, f"{self.tag}-{output.media_type.partition(';')[0]}")

    def page(self) -> Body:
        """The page for people."""
        return whole(page(self.report).encode())

    def selected(self, outcomes: Collection[Outcome]) -> list[GroupReport]:
        """The groups with one of these outcomes. All groups if `outcomes` is empty."""
        groups = self.report.groups
        return [group for group in groups if not outcomes or group.outcome in outcomes]

    def groups_json(self, outcomes: Collection[Outcome]) -> Body:
        """The list of groups with these outcomes as JSON."""
        head, tail = piece(_open(self.report.generated_at) + b'"groups":['), piece(b"]}\n")
        return Body((head, *self._some(self.json_blocks, outcomes), tail), f"{self.tag}-groups")

    def groups_text(self, outcomes: Collection[Outcome]) -> Body:
        """A line for each such group, with its members in the third column."""
        return Body(self._some(self.line_blocks, outcomes), f"{self.tag}-lines")

    def _some(self, blocks: Blocks, outcomes: Collection[Outcome]) -> Iterator[Piece]:
        """The text of the groups. That of all is kept, but not that of a selection."""
        selected = self.selected(outcomes)
        if len(selected) == len(self.report.groups):
            return blocks.pieces(selected)
        return blocks.after(None).pieces(selected)


def one_group_json(group: GroupReport, generated_at: str) -> bytes:
    """One group with its proof, as JSON."""
    return _open(generated_at) + _group(group)[1:] + b"\n"


def one_device_json(name: str, place: GroupReport | UngroupedDevice, generated_at: str) -> bytes:
    """The device of this name, its verdict and its group, as JSON.

    `place` is its group, or the device itself if it is in none (`View.find`).
    """
    device: dict[str, Json]
    if isinstance(place, GroupReport):
        device = device_json(next(member for member in place.devices if member.name == name))
        outcome, needs = place.outcome, place.headline.needs_override
        group = _group(place)
    else:
        device = {**ungrouped_json(place), "bus": "pci", "isolated": None}
        outcome, needs = Outcome.UNKNOWN, None
        group = b"null"
    shown: dict[str, Json] = {"device": device, "outcome": outcome, "needs_override": needs}
    return _open(generated_at) + dumps(shown)[1:-1].encode() + b',"group":' + group + b"}\n"


def _group(group: GroupReport) -> bytes:
    return dumps(group_json(group)).encode()


def _line(group: GroupReport) -> bytes:
    return f"{wording.group_line(group)}\n".encode()


#: Empty blocks, for the first view.
_JSON_BLOCKS = Blocks(_group, b",")
_LINE_BLOCKS = Blocks(_line)


def _changed(before: Report, after: Report) -> tuple[list[int], bool]:
    """The numbers of the groups that differ, and whether any device may be in another group."""
    old, new = before.groups, after.groups
    differ = unchanged.differing(old, new)
    if differ is not None and all(old[place].id == new[place].id for place in differ):
        moved = any(_names(old[place]) != _names(new[place]) for place in differ)
        return [new[place].id for place in differ], moved
    gone = {group.id: group for group in old}
    return [group.id for group in new if gone.pop(group.id, None) is not group] + list(gone), True


def _names(group: GroupReport) -> list[str]:
    return [device.name for device in group.devices]


def forms() -> dict[str, Output]:
    """Every form of `--output` by its media type without parameters, JSON first.

    If two forms share a media type, the one for people wins; the other has its own route.
    """
    names = sorted(
        leaves.names("vfioguard.output"), key=lambda name: (name != "json", name != "text", name)
    )
    by_type: dict[str, Output] = {}
    for name in names:
        output = leaves.load("vfioguard.output", name, "OUTPUT", Output)
        by_type.setdefault(output.media_type.partition(";")[0], output)
    return by_type


def _open(generated_at: str) -> bytes:
    opening: dict[str, Json] = {"schema_version": SCHEMA_VERSION, "generated_at": generated_at}
    return dumps(opening)[:-1].encode() + b","
