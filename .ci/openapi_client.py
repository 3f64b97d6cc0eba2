"""Call every route of a daemon by a generated client, and read the answers by their types.

usage: openapi_client.py URL PID. `generated` is what openapi-python-client makes of /openapi.json.
mypy --strict holds this file against it. The last answer is the stream of events, which ends with
the daemon, so the process PID is ended.
"""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar, assert_type

from generated import Client
from generated.api import default
from generated.api.default import (
    device_devices_bdf_get,
    device_v1_devices_bdf_get,
    devices_devices_get,
    events_v1_events_get,
    firmware_v1_firmware_get,
    group_groups_id_get,
    group_v1_groups_id_get,
    groups_v1_groups_get,
    healthy_healthy_get,
    one_v1_check_target_get,
    page_get,
    place_v1_explain_target_get,
    ready_ready_get,
    report_v1_report_get,
    schema_file_v1_schema_json_get,
    scrape_metrics_get,
    several_v1_check_get,
    text_v1_explain_get,
    what_if_v1_what_if_target_get,
)
from generated.models import (
    Attach,
    Blocker,
    Check,
    CheckProblem,
    Checks,
    ChecksProblem,
    ExplainedNow,
    Firmware,
    Lone,
    OneDevice,
    OneGroup,
    Outcome,
    Problem,
    WhatIf,
    WideGroupList,
    WideReport,
)

Shape = TypeVar("Shape")


def of(shape: type[Shape], answer: object) -> Shape:
    """The answer, which has to have this type."""
    if not isinstance(answer, shape):
        raise SystemExit(f"not a {shape.__name__}: {answer!r:.300}")
    return answer


def holds(what: str, *, so: bool) -> None:
    """Say what has been seen, or end."""
    if not so:
        raise SystemExit(f"not so: {what}")
    print(f"   {what}")


def whole(client: Client) -> WideReport:
    """The routes about the whole host."""
    report = of(WideReport, report_v1_report_get.sync(client=client, wide=True))
    listed = of(WideGroupList, groups_v1_groups_get.sync(client=client))
    firmware = of(Firmware, firmware_v1_firmware_get.sync(client=client))
    for group in listed.groups:
        assert_type(group.outcome, Outcome)
        assert_type(group.attach, Attach)
        assert_type(group.blockers, list[Blocker])
    holds("/v1/report and /v1/groups have the same groups", so=report.groups == listed.groups)
    for function in report.ungrouped:
        assert_type(function.reason, str)
        holds(f"{function.name}: {function.reason}", so=bool(function.reason))
    holds("the report has facts", so=bool(report.facts))
    assert_type(firmware.sentence, str)
    holds(f"/v1/firmware: {firmware.sentence}", so=bool(firmware.sentence))
    return report


def gate(client: Client, report: WideReport) -> None:
    """The routes that answer a yes or a no."""
    answers: set[Attach] = set()
    blockers: list[Blocker] = []
    for group in report.groups:
        given = one_v1_check_target_get.sync(f"group:{group.id}", client=client)
        if not isinstance(given, CheckProblem):
            given = of(Check, given)
        assert_type(given.answer, Attach)
        assert_type(given.reason, str)
        assert_type(given.blockers, list[Blocker])
        holds(f"group {group.id}: {given.answer}, {given.reason}", so=bool(given.reason))
        answers.add(given.answer)
        blockers += given.blockers
    holds("some pass, some do not", so={Attach.YES, Attach.NO} <= answers)
    holds("a blocker names its call", so=any(blocker.call.value for blocker in blockers))
    targets = [f"group:{group.id}" for group in report.groups]
    together = of(ChecksProblem, several_v1_check_get.sync(client=client, target=targets))
    assert_type(together.answer, Attach)
    holds("together they are refused", so=together.answer is Attach.NO)
    passing = [f"group:{g.id}" for g in report.groups if g.attach is Attach.YES][:1]
    alone = of(Checks, several_v1_check_get.sync(client=client, target=passing))
    holds("one that passes is let through", so=alone.targets[0].answer is Attach.YES)
    nowhere = of(CheckProblem, one_v1_check_target_get.sync("group:4095", client=client))
    holds("an unknown target is unknown", so=nowhere.answer is Attach.UNKNOWN)


def single(client: Client, report: WideReport) -> None:
    """The routes about one group, a device or a message."""
    group = next(group for group in report.groups if group.attach is Attach.NO)
    name = group.devices[0].name
    told = of(OneGroup, group_v1_groups_id_get.sync(str(group.id), client=client))
    holds(f"/v1/groups/{told.id}: {told.why[0].sentence}", so=told.blockers == group.blockers)
    device = of(OneDevice, device_v1_devices_bdf_get.sync(name, client=client))
    holds(f"/v1/devices/{name} is in its group", so=device.group is not None)
    alone = device_v1_devices_bdf_get.sync(report.ungrouped[0].name, client=client)
    lone = of(Lone, of(OneDevice, alone).device)
    assert_type(lone.reason, str)
    holds(f"/v1/devices/{lone.name}: {lone.reason}", so=bool(lone.reason))
    explained = of(ExplainedNow, place_v1_explain_target_get.sync(name, client=client))
    assert_type(explained.answers[0].outcome, Outcome)
    holds("/v1/explain/... has facts", so=bool(explained.answers[0].facts))
    text = f"vfio {name}: error -1"
    message = (
        of(ExplainedNow, text_v1_explain_get.sync(client=client, text=text)).answers[0].message
    )
    holds("/v1/explain understands a message", so=message is not None and bool(message.understood))
    assumed = of(
        WhatIf,
        what_if_v1_what_if_target_get.sync(
            f"group:{group.id}", client=client, assume=["intremap=off"]
        ),
    )
    assert_type(assumed.then, Outcome)
    holds(f"/v1/what-if: {assumed.today} today, {assumed.then} then", so=bool(assumed.assumed))
    missing = of(Problem, group_v1_groups_id_get.sync("4095", client=client))
    holds(f"an error says its detail: {missing.detail}", so=missing.status == HTTPStatus.NOT_FOUND)


def plain(client: Client, report: WideReport) -> None:
    """The routes that send text, a page, or a file."""
    for name, route in {
        "/-/healthy": healthy_healthy_get,
        "/-/ready": ready_ready_get,
        "/metrics": scrape_metrics_get,
        "/": page_get,
        "/devices": devices_devices_get,
    }.items():
        text = of(str, route.sync(client=client))
        holds(f"{name} sends {len(text)} characters", so=bool(text))
    group = report.groups[0]
    name = group.devices[0].name
    for text in (
        of(str, group_groups_id_get.sync(str(group.id), client=client)),
        of(str, device_devices_bdf_get.sync(name, client=client)),
    ):
        holds(f"a page of {name} sends {len(text)} characters", so=name in text)
    schema = schema_file_v1_schema_json_get.sync_detailed(client=client)
    holds("/v1/schema.json is there", so=schema.status_code is HTTPStatus.OK)


def main(url: str, daemon: int) -> None:
    """Call each function that the client has."""
    made = {module.name for module in pkgutil.iter_modules(default.__path__)}
    with open(__file__, encoding="utf-8") as own:
        source = own.read()
    unused = [name for name in made if source.count(name) < 2]  # an import is no call
    holds(f"{len(made)} routes, all of which are called", so=not unused)
    with Client(base_url=url) as client, ThreadPoolExecutor() as pool:
        events = pool.submit(events_v1_events_get.sync_detailed, client=client)
        try:
            report = whole(client)
            gate(client, report)
            single(client, report)
            plain(client, report)
        finally:
            os.kill(daemon, signal.SIGTERM)
        stream = events.result(timeout=30)
        kind = stream.headers["content-type"]
        holds(f"/v1/events is a {kind}", so=kind.startswith("text/event-stream"))
        assert_type(stream.parsed, str | Problem | None)
        holds("its text says when to connect again", so="retry: " in of(str, stream.parsed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
