"""Every face of one host, rendered in this process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.serve.serving import Client, latest_of, scan_of
from vfioguard import leaves
from vfioguard.change.compare import changes
from vfioguard.change.state import State
from vfioguard.cli import parser
from vfioguard.cli.change_lines import change_lines
from vfioguard.cli.failure import Failure
from vfioguard.cli.standing_by import Work
from vfioguard.inference.firmware.of_host import of_host
from vfioguard.output import Output, Style
from vfioguard.output.firmware.json import firmware_json
from vfioguard.output.firmware.text import firmware_text
from vfioguard.page.model import Look
from vfioguard.proof_json import dumps
from vfioguard.report import Report
from vfioguard.root import capture
from vfioguard.root.memory import Entry
from vfioguard.root.opening import CannotOpen
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.pages import whole
from vfioguard.serve.answer.view import View
from vfioguard.serve.http.metrics import report_metrics
from vfioguard.serve.telling.journal import Fields
from vfioguard.serve.telling.log_lines import fields
from vfioguard.snapshot import Snapshot
from vfioguard.target import NoTarget

#: The forms of `report`. All are rendered from one report, since reading the host anew takes time.
FORMS = ("text", "json", "nagios", "prometheus", "nfd", "html", "svg")
COMMANDS = (("policies",), ("check", "nothing"), ("check", "targets"), ("explain", "targets"))
SYMPTOMS = ("EPERM", "EINVAL", "vfio 0000:01:00.0: group 0 is not viable")
ROUTES = (
    ("/v1/report", "application/json"),
    ("/v1/report", "application/openmetrics-text"),
    ("/v1/groups", "text/plain"),
    ("/", "text/html"),
    ("/devices?sort=driver", "text/html"),
    ("/groups/0", "text/html"),
    ("/groups/0", "text/plain"),
    ("/groups/nothing", "text/html"),
    ("/metrics", "text/plain"),
    ("/v1/check/group:0", "text/plain"),
    ("/v1/check/group:0", "application/json"),
    ("/v1/check/nothing", "application/json"),
    ("/v1/check?target=group:0&target=nothing", "text/plain"),
    ("/v1/explain/group:0", "text/plain"),
    ("/v1/explain/group:0", "application/json"),
)


class Commands:
    """Runs the verbs on one capture after another, and gives what they print on either stream."""

    def __init__(self, directory: Path) -> None:
        self._path = str(directory / "host.tar")
        self._parsed = {
            " ".join(words): parser.parse([words[0], "--root", self._path, *words[1:]])
            for words in COMMANDS
        }

    def of(self, entries: Mapping[str, Entry], report: Report) -> Iterator[tuple[str, str]]:
        """Each command, and the text that it prints about this host."""
        capture.save(self._path, entries)
        targets = targets_of(report) or ["group:0"]
        self._parsed["check targets"].target = targets
        # `explain` takes a target with a blank for a message, not for a device.
        plain = [target for target in targets if " " not in target]
        self._parsed["explain targets"].target = [*plain, *SYMPTOMS]
        for name, options in self._parsed.items():
            out = io.StringIO()
            try:
                with contextlib.redirect_stdout(out):
                    options.work = Work()
                    options.run(options)
            except (Failure, CannotOpen, NoTarget) as error:  # as cli.run prints them
                out.write(f"vfioguard: {error}\n")
            yield name, out.getvalue()


def forms(snapshot: Snapshot, report: Report) -> Iterator[tuple[str, str]]:
    """The texts that `report` and `firmware` print."""
    for form in FORMS:
        output = leaves.load("vfioguard.output", form, "OUTPUT", Output)
        for style in (Style(), Style(every_group=True)):
            yield f"report --output {form}", output.render(report, style)
    firmware = of_host(snapshot)
    yield "firmware", firmware_text(firmware, Style())
    yield "firmware --output json", dumps(firmware_json(firmware))


def views(report: Report) -> Iterator[tuple[str, str]]:
    """The bodies of the daemon's answers."""
    view = View(report, "tag")
    yield "json of the daemon", _text(view.json())
    yield "openmetrics", _text(report_metrics(view, openmetrics=True))
    yield "text/html", _text(whole(Look(report), "page", view))
    yield "groups as lines", _text(view.groups_text(()))


def differences(first: State, second: State) -> Iterator[tuple[str, str]]:
    """The lines of `diff` and `watch` for a change from the first host to the second, and back."""
    for before, after in ((first, second), (second, first)):
        different = changes(before, after)
        yield "diff", "".join(f"{line}\n" for line in change_lines(different, color=False))


def records(first: State, second: State) -> Iterator[Fields]:
    """The fields that the journal gets for a change from the first host to the second, and back."""
    for before, after in ((first, second), (second, first)):
        yield from map(fields, changes(before, after))


def answers(entries: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """The answers of a daemon over HTTP, headers included."""
    client = Client(latest_of(scan_of(entries)))
    for route, accept in ROUTES:
        response = client.get(route, accept=accept)
        for name, value in response.headers.items():
            yield f"{name} of {route}", value
        yield f"{route} as {accept}", response.text


def _text(body: Body) -> str:
    return b"".join(body.plain().parts).decode()


def targets_of(report: Report) -> list[str]:
    """The shown names of a group, of two devices in a group and of a device in none."""
    groups = [f"group:{report.groups[0].id}"] if report.groups else []
    members = [device.name for group in report.groups for device in group.devices]
    return [*groups, *members[:2], *(device.name for device in report.ungrouped[:1])]
