"""/v1/explain says what `vfioguard explain` says, and reads what devices are, but nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import MIXED, NO_GROUPS, REFUSED, vfioguard
from tests.serve.serving import Client, latest_of, problem, served
from tests.support.hosts import x86_host
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.host.reader import HostReader
from vfioguard.snapshot import Snapshot

FIELD = sorted(Path(__file__).parent.parent.glob("fixtures/field/*/root.tar.xz"))
TEXTS = ("EPERM", "vfio 0000:01:00.0: group 7 is not viable", "no IOMMU group", "hello world")


class Unread:
    """A root that nobody may read any more."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"{name} of the host is asked for a request")


def client_of(capture: str) -> Client:
    """What is served after a reading of the capture. A request may read what devices are alone."""
    scan = HostReader(capture, NOTHING_CHOSEN).read()
    assert isinstance(scan.state, Snapshot)
    vars(scan.state.site)["_root"] = Unread()
    return Client(latest_of(scan))


@pytest.mark.parametrize(
    ("capture", "target"),
    [(REFUSED, "group:3"), (MIXED, "0000:01:00.0"), (NO_GROUPS, "0000:00:0a.0")],
)
def test_a_group_or_a_device_is_explained_as_by_the_command(capture: str, target: str) -> None:
    client = client_of(capture)
    printed = json.loads(vfioguard("explain", "--root", capture, "-o", "json", target).stdout)
    answered = client.json(f"/v1/explain/{target}")
    assert answered["answers"] == printed["answers"]
    assert answered["answers"][0]["facts"]
    assert answered["kernel"] == printed["kernel"]
    told = client.get(f"/v1/explain/{target}", accept="text/plain").text.splitlines()
    shown = vfioguard("explain", "--root", capture, target).stdout.splitlines()
    assert told == shown
    (answer,) = printed["answers"]
    assert any(line.startswith("cause:") for line in told) is bool(answer["why"])
    assert len(told) <= 24


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        (TEXTS[0], set[str]()),
        (TEXTS[1], {"0000:01:00.0"}),
        (TEXTS[2], set[str]()),
        ("vfio 0000:ff:00.0: group 7 is not viable", set[str]()),
    ],
)
def test_a_message_is_explained_as_by_the_command(text: str, devices: set[str]) -> None:
    client = client_of(REFUSED)
    arguments = ("explain", "--root", REFUSED)
    printed = json.loads(vfioguard(*arguments, "-o", "json", text).stdout)
    answers = client.json(f"/v1/explain?text={text.replace(' ', '+')}")["answers"]
    assert answers == printed["answers"]
    assert set(answers[0]["facts"]) == devices
    told = client.get(f"/v1/explain?text={text.replace(' ', '+')}", accept="text/plain").text
    shown = vfioguard(*arguments, text).stdout
    assert told.splitlines()[0] == shown.splitlines()[0]


def test_a_text_that_means_nothing_is_said_to_mean_nothing() -> None:
    client = served(x86_host(1))
    (answer,) = client.json("/v1/explain?text=hello+world")["answers"]
    assert answer["message"]["understood"] == []
    told = client.get("/v1/explain?text=hello+world", accept="text/plain")
    assert (told.status_code, told.text.count("\n")) == (200, 1)
    assert "nothing is known of 'hello world'" in told.text


def test_what_is_not_there_is_a_problem() -> None:
    client = served(x86_host(1))
    assert problem(client.get("/v1/explain/group:99"))["status"] == 404
    assert problem(client.get("/v1/explain"))["status"] == 422
    assert problem(client.get("/v1/explain?text="))["status"] == 422
    assert problem(client.get(f"/v1/explain?text={'x' * 16385}"))["status"] == 422
    assert problem(Client(latest_of()).get("/v1/explain/group:0"))["status"] == 503


def test_a_stale_explanation_says_so() -> None:
    doubt = Doubt(Reason.EVENTS_LOST, "events were lost", 1.0)
    scan = HostReader(REFUSED, NOTHING_CHOSEN).read()
    client = Client(latest_of(scan, doubts=[lambda: doubt]))
    assert client.json("/v1/explain/group:3")["stale"]["why"] == "events were lost"
    told = client.get("/v1/explain/group:3", accept="text/plain").text
    assert told.startswith("# stale since ")


@pytest.mark.parametrize("capture", FIELD, ids=lambda path: path.parent.name)
def test_no_explanation_reads_the_host(capture: Path) -> None:
    client = client_of(str(capture))
    report = client.json("/v1/report?proof=none")
    targets = [f"group:{group['id']}" for group in report["groups"][:3]]
    targets += [device["name"] for device in report["ungrouped"][:2]]
    for target in targets:
        assert client.get(f"/v1/explain/{target}").status_code == 200
    for text in TEXTS:
        assert client.get(f"/v1/explain?text={text.replace(' ', '+')}").status_code == 200
