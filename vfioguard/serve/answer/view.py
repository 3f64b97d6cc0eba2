"""One Report as bytes. Each form is rendered once, however often clients ask for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from vfioguard import leaves, unchanged, wording
from vfioguard.cause_json import names_json, why_json
from vfioguard.output import Output, Style
from vfioguard.output.json import (
    device_json,
    group_json,
    group_texts,
    head_json,
    lone_json,
    tail_json,
)
from vfioguard.places import Places
from vfioguard.proof_json import claim_json, dumps
from vfioguard.report import CauseReport, DeviceReport, GroupReport, Report, UngroupedDevice
from vfioguard.serve.answer.blocks import Blocks
from vfioguard.serve.answer.body import Body, Piece, piece, pieces, whole
from vfioguard.serve.answer.stale import Stale, json_opening, text_opening
from vfioguard.target import Targets
from vfioguard.typed import TYPE_CHECKING, NamedTuple, TypeAlias
from vfioguard.verdict import Outcome

if TYPE_CHECKING:
    from vfioguard.json_shapes import answers as shapes
    from vfioguard.json_shapes.report import Device, Lone


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
        numbers, changed = (None, None) if before is None else _changed(before.report, report)
        self.blocks: dict[str, Blocks] = {
            name: blocks.after(numbers)
            for name, blocks in (before.blocks if before else _BLOCKS).items()
        }
        if before is None or changed is None:
            places = Places(report).prepare()
        else:
            places = before.targets.places.after(report, changed)
        self.targets: Targets = Targets(report, places)

    def body(self, name: str, make: Callable[[], Body]) -> Body:
        """The body of this name. `make` makes it when it is first asked for."""
        body = self._bodies.get(name)
        if body is None:
            body = self._bodies[name] = make()
        return body

    def has(self, name: str) -> bool:
        """Whether the body of this name is made."""
        return name in self._bodies

    def json(self, *, proof: bool = True) -> Body:
        """The whole report as JSON, with proofs or without."""
        head = dumps(head_json(self.report))[:-1].encode().removeprefix(_FRESH) + b',"groups":['
        claim = claim_json if proof else None
        tail = b"]," + dumps(tail_json(self.report, claim))[1:].encode() + b"\n"
        groups = self.blocks[_name(proof)].pieces(self.report.groups)
        tag = self.tag if proof else f"{self.tag}-brief"
        return Body((_OPENING, *pieces(head), *groups, *pieces(tail)), tag)

    def form(self, output: Output) -> Body:
        """The whole report in the form of `output`."""
        text = output.render(self.report, Style(every_group=True)).encode()
        return whole(text, f"{self.tag}-{output.media_type.partition(';')[0]}")

    def selected(self, outcomes: Collection[Outcome]) -> list[GroupReport]:
        """The groups with one of these outcomes. All groups if `outcomes` is empty."""
        groups = self.report.groups
        return [group for group in groups if not outcomes or group.outcome in outcomes]

    def groups_json(self, outcomes: Collection[Outcome], *, proof: bool = True) -> Body:
        """The list of groups with these outcomes as JSON."""
        head, tail = piece(_generated(self.report.generated_at) + b'"groups":['), piece(b"]}\n")
        groups = self._some(_name(proof), outcomes)
        tag = f"{self.tag}-groups" if proof else f"{self.tag}-brief-groups"
        return Body((_OPENING, head, *groups, tail), tag)

    def groups_text(self, outcomes: Collection[Outcome]) -> Body:
        """A line for each such group, with its members in the third column."""
        groups = self._some("lines", outcomes)
        return Body((piece(text_opening(None)), *groups), f"{self.tag}-lines")

    def _some(self, name: str, outcomes: Collection[Outcome]) -> Iterator[Piece]:
        """The text of the groups. That of all is kept, but not that of a selection."""
        blocks = self.blocks[name]
        selected = self.selected(outcomes)
        if len(selected) == len(self.report.groups):
            return blocks.pieces(selected)
        return blocks.after(None).pieces(selected)


class Told(NamedTuple):
    """A device, its group or itself if it is in none (`Targets.find`), and the causes of that."""

    name: str
    place: GroupReport | UngroupedDevice
    why: Sequence[CauseReport]


def one_group_json(
    group: GroupReport, why: Sequence[CauseReport], generated_at: str, stale: Stale | None
) -> bytes:
    """One group with its proof and its causes, as JSON."""
    told = dumps({**group_json(group), "why": why_json(why, claim_json)}).encode()
    return json_opening(stale) + _generated(generated_at) + told[1:] + b"\n"


def one_device_json(told: Told, generated_at: str, stale: Stale | None) -> bytes:
    """The device, its verdict, its causes and its group, as JSON."""
    name, place, why = told
    device: Device | Lone
    if isinstance(place, GroupReport):
        device = device_json(next(member for member in place.devices if member.name == name))
        outcome, needs = place.outcome, place.headline.needs_override
        group = dumps(group_json(place)).encode()
    else:
        device = lone_json(place)
        outcome, needs = Outcome.UNKNOWN, None
        group = b"null"
    shown: shapes.DeviceTold = {
        "device": device,
        "outcome": outcome,
        "needs_override": needs,
        **names_json(place.causes),
        "why": why_json(why, claim_json),
    }
    members = dumps(shown)[1:-1].encode() + b',"group":' + group + b"}\n"
    return json_opening(stale) + _generated(generated_at) + members


def _name(proof: bool) -> str:
    return "proofs" if proof else "brief"


def _groups(*, proof: bool) -> Callable[[GroupReport], bytes]:
    text = group_texts(proof=proof)
    return lambda group: text(group).encode()


def _lines() -> Callable[[GroupReport], bytes]:
    return lambda group: f"{wording.group_line(group)}\n".encode()


_FRESH = json_opening(None)
_OPENING = piece(_FRESH)
#: Empty blocks, for the first view.
_BLOCKS = {
    "proofs": Blocks(partial(_groups, proof=True), b","),
    "brief": Blocks(partial(_groups, proof=False), b","),
    "lines": Blocks(_lines),
}


_Changed: TypeAlias = list[tuple[GroupReport, GroupReport]]


def _changed(before: Report, after: Report) -> tuple[list[int], _Changed | None]:
    """The numbers of the groups that differ, and these groups as they were and as they are.

    The latter is None if a device may be in another group or have another id.
    """
    old, new = before.groups, after.groups
    differ = unchanged.differing(old, new)
    if differ is not None and all(old[place].id == new[place].id for place in differ):
        changed = [(old[place], new[place]) for place in differ]
        moved = any(_names(was.devices) != _names(now.devices) for was, now in changed)
        moved = moved or (
            before.ungrouped != after.ungrouped
            and _names(before.ungrouped) != _names(after.ungrouped)
        )
        return [new[place].id for place in differ], None if moved else changed
    gone = {group.id: group for group in old}
    return [group.id for group in new if gone.pop(group.id, None) is not group] + list(gone), None


def _names(
    devices: Iterable[DeviceReport | UngroupedDevice],
) -> list[tuple[str, str | None]]:
    return [(device.name, device.pci_id) for device in devices]


def forms() -> dict[str, Output]:
    """Every form of `--output` by its media type without parameters, JSON first.

    If two forms share a media type, the one for people wins; the other has its own route. So has
    the page, as a browser that opens a link to JSON would rather have HTML.
    """
    every = [name for name in leaves.names("vfioguard.output") if name != "html"]
    names = sorted(every, key=lambda name: (name != "json", name != "text", name))
    by_type: dict[str, Output] = {}
    for name in names:
        output = leaves.load("vfioguard.output", name, "OUTPUT", Output)
        by_type.setdefault(output.media_type.partition(";")[0], output)
    return by_type


def _generated(generated_at: str) -> bytes:
    return b'"generated_at":' + dumps(generated_at).encode() + b","
