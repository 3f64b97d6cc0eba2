"""One Report as bytes, rendered once however often it is asked for."""

from __future__ import annotations

from collections.abc import Collection

from vfioguard import known, wording
from vfioguard.bdf import parse_bdf
from vfioguard.output import Output, Style, prometheus
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
from vfioguard.serve.body import Body
from vfioguard.serve.page import page
from vfioguard.verdict import Outcome


class View:
    """What the handlers serve. `tag` names these bytes among all that any process ever serves.

    Groups are slices of the whole report, so that a host with 16,384 of them is held once.
    """

    def __init__(self, report: Report, tag: str) -> None:
        self.report = report
        self.tag = tag
        self.forms: dict[str, Body] = {}
        self._open = dumps(_opening(report))[:-1].encode() + b","
        self._spans: dict[int, slice] = {}
        self._all: Body | None = None
        self.json = Body(self._whole())
        self.metrics = Body(self._metrics(openmetrics=False))
        self.openmetrics = Body(self._metrics(openmetrics=True))
        self.page = page(report).encode()
        self._lines = {g.id: f"{wording.group_line(g)}\n".encode() for g in report.groups}
        self._groups = {f"group:{group.id}": group for group in report.groups}
        self._devices: dict[str, GroupReport | UngroupedDevice] = {
            d.name: d for d in report.ungrouped
        }
        self._devices |= {d.name: group for group in report.groups for d in group.devices}

    def _whole(self) -> bytes:
        head: dict[str, Json] = {**head_json(self.report)}
        parts = [dumps(head)[:-1].encode(), b',"groups":[']
        at = len(parts[0]) + len(parts[1])
        for number, group in enumerate(self.report.groups):
            text = (b"," if number else b"") + dumps(group_json(group)).encode()
            parts.append(text)
            self._spans[group.id] = slice(at + (1 if number else 0), at + len(text))
            at += len(text)
        parts += (b"],", dumps(tail_json(self.report))[1:].encode(), b"\n")
        return b"".join(parts)

    def _metrics(self, *, openmetrics: bool) -> bytes:
        families = prometheus.families(self.report)
        return prometheus.render(families, openmetrics=openmetrics).encode()

    def form(self, name: str, output: Output) -> Body:
        """Another form of the whole report, rendered when it is first asked for."""
        body = Body(output.render(self.report, Style(every_group=True)).encode())
        self.forms[name] = body
        return body

    def find(self, target: str) -> GroupReport | UngroupedDevice | None:
        """What `group:N`, a PCI address or another device's name stands for."""
        if target.startswith("group:"):
            return self._groups.get(target)
        return self._devices.get(canonical(target))

    def missing(self, target: str) -> str:
        """Says that there is no such target, and which there are."""
        if target.startswith("group:"):
            return wording.missing(target, "IOMMU group", list(self._groups))
        return wording.missing(target, "device", list(self._devices))

    def selected(self, outcomes: Collection[Outcome]) -> list[GroupReport]:
        """The groups with one of these outcomes; all of them where none is named."""
        return [g for g in self.report.groups if not outcomes or g.outcome in outcomes]

    def groups_json(self, outcomes: Collection[Outcome]) -> Body | bytes:
        """The list of groups. The whole one is kept from the first time on, as `json` is."""
        selected = self.selected(outcomes)
        if len(selected) < len(self.report.groups):
            return self._list(selected)
        if self._all is None:
            self._all = Body(self._list(selected))
        return self._all

    def _list(self, groups: list[GroupReport]) -> bytes:
        whole = memoryview(self.json.plain)
        parts = b",".join([whole[run] for run in self._runs(groups)])
        return b"".join((self._open, b'"groups":[', parts, b"]}\n"))

    def _runs(self, groups: list[GroupReport]) -> list[slice]:
        """Where they stand; those that follow each other in one piece, commas included."""
        runs: list[slice] = []
        for group in groups:
            span = self._spans[group.id]
            if runs and runs[-1].stop == span.start - 1:
                runs[-1] = slice(runs[-1].start, span.stop)
            else:
                runs.append(span)
        return runs

    def groups_text(self, outcomes: Collection[Outcome]) -> bytes:
        """A line for each group, its members in the third column."""
        return b"".join([self._lines[group.id] for group in self.selected(outcomes)])

    def group_json(self, group: GroupReport) -> bytes:
        """One group with its proof."""
        return self._open + self.json.plain[self._spans[group.id]][1:] + b"\n"

    def device_json(self, target: str) -> bytes:
        """The device, its verdict and its group; raises KeyError where there is none."""
        name = canonical(target)
        found = self._devices[name]
        device: dict[str, Json]
        if isinstance(found, GroupReport):
            device = device_json(next(member for member in found.devices if member.name == name))
            outcome, needs = found.outcome, found.headline.needs_override
            group = self.json.plain[self._spans[found.id]]
        else:
            device = {**ungrouped_json(found), "bus": "pci", "isolated": None}
            outcome, needs = Outcome.UNKNOWN, None
            group = b"null"
        shown: dict[str, Json] = {"device": device, "outcome": outcome, "needs_override": needs}
        return self._open + dumps(shown)[1:-1].encode() + b',"group":' + group + b"}\n"


def canonical(target: str) -> str:
    """The kernel's full form of a PCI address; any other name as it is."""
    bdf = parse_bdf(target)
    return target if bdf is None else str(bdf)


def forms() -> dict[str, Output]:
    """Every form of `--output` by its media type without parameters, JSON first.

    Of two with the same type the text for people wins: the other has a route of its own.
    """
    names = sorted(known.names("vfioguard.output"), key=lambda n: (n != "json", n != "text", n))
    found: dict[str, Output] = {}
    for name in names:
        output = known.load("vfioguard.output", name, "OUTPUT", Output)
        found.setdefault(output.media_type.partition(";")[0], output)
    return found


def _opening(report: Report) -> dict[str, Json]:
    return {"schema_version": SCHEMA_VERSION, "generated_at": report.generated_at}
