"""The page as HTML, from Jinja2's templates. Each value is escaped, whatever it holds.

Raises ImportError when it is imported if Jinja2 is missing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from urllib.parse import quote, urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from vfioguard import __version__, leaves, wording
from vfioguard.attach import Attachment
from vfioguard.device_facts import DeviceFacts
from vfioguard.logic import Answer
from vfioguard.page import answers, drawing, model, table
from vfioguard.page.answers import NOT_ATTACHABLE, SHOWN, Shown
from vfioguard.page.model import Leaf, Look
from vfioguard.page.table import Asked, Part, Row
from vfioguard.report import CauseReport, GroupReport, Report, UngroupedDevice
from vfioguard.typed import Any, NamedTuple
from vfioguard.verdict import Verdict

_ROOM = "vfioguard.page"
#: Characters of a name that are shown, and members of a group.
_SHORT, _MEMBERS = 120, 256


class Alone(NamedTuple):
    """What a page that needs no other file carries: its style, its script, and what it may do."""

    style: str
    script: str
    policy: str


class Card(NamedTuple):
    """A cause as it is shown. `file` is what it rests on."""

    cause: CauseReport
    groups: Sequence[int]
    ticket: str
    file: str
    proof: tuple[Leaf, ...]


class _Row(NamedTuple):
    """The verdict of a backend on a group, which is None if this kernel does not have it."""

    name: str
    verdict: Verdict | None
    attachment: Attachment | None
    counts: bool

    @property
    def shown(self) -> Shown:
        """The answer of the whole attach."""
        assert self.attachment is not None, "a backend with a verdict has an attach"
        return SHOWN[self.attachment.attach]


class Told(NamedTuple):
    """A group, or a device in none, and its causes and facts. `device` is the name asked for."""

    place: GroupReport | UngroupedDevice
    report: Report
    causes: Sequence[CauseReport]
    facts: Mapping[str, DeviceFacts]
    generated_at: str
    device: str = ""


def asset(name: str) -> bytes:
    """A file that the page loads: "page.css" or "page.js"."""
    content = leaves.beside(_ROOM, f"assets/{name}")
    if name != "page.css":
        return content
    return content + drawing.style().encode()


def opening(title: str, stale: str | None, alone: Alone | None = None) -> str:
    """The beginning of a page up to its banner. `stale` says why it cannot be relied on."""
    return _template("opening.html").render(title=title, stale=stale, alone=alone)


def title(look: Look) -> str:
    """The title of the page of the whole host."""
    host = f"{look.host}: " if look.host else ""
    return f"{host}{answers.heading(look.report)}"


def page(look: Look, rows: Sequence[Row], alone: Alone | None = None) -> str:
    """The page of the whole host behind its opening. `rows` are those of its table."""
    report = look.report
    unreadable = model.unreadable(report)
    most = len(rows) if alone else table.ROWS
    return _template("page.html").render(
        look=look,
        report=report,
        alone=alone,
        heading=answers.heading(report),
        kernel=_kernel(report),
        exposed=answers.exposed(report),
        counts=answers.counts(report),
        left=len(report.groups) - len(report.attachable),
        cards=_cards(look),
        more_causes=max(0, len(report.causes) - model.CARDS),
        units=model.tiles(report, look.facts),
        legend=_LEGEND,
        samples={key: drawing.run(key, 0, 0, 1) for key in drawing.SHAPES},
        part=table.part(rows, Asked(), max(most, 1)),
        step=table.ROWS,
        unreadable=unreadable,
        most_gaps=model.GAPS,
        decides=wording.policies(report),
        overrides=model.overrides(report),
    )


def devices(part: Part, step: int) -> str:
    """The page of the devices that somebody searches for, behind its opening."""
    return _template("devices.html").render(part=part, step=step)


def place(told: Told) -> str:
    """The page of a group, or of a device, behind its opening."""
    named, report = told.place, told.report
    group = named if isinstance(named, GroupReport) else None
    members = named.devices if isinstance(named, GroupReport) else (named,)
    target = f"group:{group.id}" if group and not told.device else told.device
    return _template("group.html").render(
        group=group,
        device=told.device,
        title=place_title(told),
        shown=answers.shown(named) if isinstance(named, GroupReport) else table.alone(named),
        kernel=_kernel(report),
        generated_at=told.generated_at,
        alone_reason=named.reason if isinstance(named, UngroupedDevice) else "",
        verdicts=_verdicts(group, report) if group else (),
        cards=[_card(cause, (), report, "") for cause in told.causes],
        blockers=group.attachment.blockers if group else (),
        members=[_member(device, told.facts.get(device.name)) for device in members[:_MEMBERS]],
        more_members=max(0, len(members) - _MEMBERS),
        proofs=_proofs(named),
        json=f"/v1/devices/{segment(told.device)}" if told.device else f"/v1/groups/{target[6:]}",
        explain=f"/v1/explain/{segment(target)}",
    )


def place_title(told: Told) -> str:
    """The heading of the page of a group or device."""
    if isinstance(told.place, UngroupedDevice):
        return f"{_cut(told.device)}: in no IOMMU group"
    shown = answers.shown(told.place)
    said = f"{shown.word}, {shown.meaning}" if shown.key != NOT_ATTACHABLE else shown.meaning
    if told.device:
        return f"{_cut(told.device)} in group {told.place.id}: {said}"
    names = [device.name for device in told.place.devices]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    of = f" ({_cut(names[0])}{more})" if names else ""
    return f"Group {told.place.id}{of}: {said}"


def alone(look: Look) -> str:
    """The whole host as one file, which loads no other and renews nothing."""
    style, script = asset("page.css").decode(), asset("page.js").decode()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    sources = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    policy = f"default-src 'none'; {sources}"
    carried = Alone(style, script, policy)
    every = table.rows(look.report, look.facts)
    return opening(title(look), None, carried) + page(look, every, carried)


def trouble(text: str) -> str:
    """A page that only says why there is no other, behind its opening."""
    return _template("trouble.html").render(title=text)


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe=":.-_~")


def _cards(look: Look) -> list[Card]:
    rows = look.report.causes[: model.CARDS]
    return [_card(row.cause, row.groups, look.report, look.host) for row in rows]


def _card(cause: CauseReport, groups: Sequence[int], report: Report, host: str) -> Card:
    (proof,) = model.trees([cause.because])
    return Card(
        cause=cause,
        groups=groups,
        ticket=model.ticket(report, cause, groups, host),
        file=model.file_of(cause.because),
        proof=proof,
    )


def _verdicts(group: GroupReport, report: Report) -> list[_Row]:
    return [
        _Row(name=name, verdict=verdict, attachment=attachment, counts=name in report.host.counting)
        for (name, verdict), (_, attachment) in zip(group.backends, group.attachments, strict=True)
    ]


def _proofs(named: GroupReport | UngroupedDevice) -> list[tuple[str, tuple[Leaf, ...]]]:
    """Each proof under its name. What an earlier one has shown is referred to."""
    if isinstance(named, UngroupedDevice):
        proofs = [] if named.because is None else [("why it is in no group", named.because)]
    else:
        proofs = list(_of_group(named))
    trees = model.trees([answer for _, answer in proofs])
    return [(name, tree) for (name, _), tree in zip(proofs, trees, strict=True)]


def _of_group(group: GroupReport) -> Iterable[tuple[str, Answer]]:
    for name, verdict in group.backends:
        if verdict is not None:
            yield f"{name}: interrupts by {verdict.policy}", verdict.isolated
            yield f"{name}: the override", verdict.override
    for blocker in group.attachment.blockers:
        yield f"blocker {blocker.name}", blocker.because
    yield f"the series of 2016: {group.series.policy}", group.series.isolated


def _member(device: object, facts: DeviceFacts | None) -> dict[str, object]:
    identity = getattr(device, "pci_id", None)
    isolated = getattr(device, "isolated", None)
    roles = None if facts is None else facts.roles
    return {
        "name": getattr(device, "name", ""),
        "what": table.what(facts, identity),
        "class_name": facts.class_name
        if facts and (facts.vendor_name or facts.device_name)
        else "",
        "physical": facts.physical_function if facts else None,
        "driver": getattr(device, "driver", None),
        "isolated": wording.truth(isolated.truth) if isinstance(isolated, Answer) else "unknown",
        "numa": "" if facts is None or facts.numa_node is None else facts.numa_node,
        "iommu": (facts.iommu if facts else None) or "",
        "roles": "not known" if roles is None else ", ".join(roles) or "nothing",
    }


def _kernel(report: Report) -> str:
    return " ".join(part for part in (report.host.kernel or "unknown", report.host.arch) if part)


def _cut(text: str, most: int = _SHORT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _query(asked: Asked, start: int) -> str:
    """The part of an address that asks for the rows from `start` on."""
    sort = f"{'-' if asked.down else ''}{asked.sort}"
    given = {"q": asked.words, "sort": sort, "from": str(max(start, 0))}
    return urlencode({name: value for name, value in given.items() if value})


_LEGEND = [(shown.key, f"{shown.sign} {shown.word}") for shown in SHOWN.values()] + [
    (NOT_ATTACHABLE, "not attachable")
]


_FILTERS: dict[str, Any] = {
    "number": answers.number,
    "query": _query,
    "ranges": answers.ranges,
    "segment": segment,
    "short": _cut,
    "truth": wording.truth,
}
_GLOBALS: dict[str, Any] = {"version": __version__}


@cache  # compiled once: the templates are files of this package
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(lambda name: leaves.beside(_ROOM, f"templates/{name}").decode()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.filters.update(_FILTERS)
    made.globals.update(_GLOBALS)
    return made


def _template(name: str) -> Template:
    return _environment().get_template(name)
