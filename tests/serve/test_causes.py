"""Why, and what to change, over HTTP: the causes of groups, devices and targets of the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import served
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.report import Choice
from vfioguard.root.memory import Entry, Link
from vfioguard.serve.host.reader import HostReader
from vfioguard.snapshot import Snapshot

OFF = x86_host(3, remapping=False, cmdline=b"intremap=off")
SENTENCE = "Interrupt remapping is off: intremap=off on the kernel command line."


def with_a_lone_function(host: dict[str, Entry]) -> dict[str, Entry]:
    return host | {
        "/sys/bus/pci/devices/0000:07:00.0": Link("../../../devices/pci0000:07/0000:07:00.0"),
        "/sys/devices/pci0000:07/0000:07:00.0/uevent": b"PCI_CLASS=20000\nPCI_ID=8086:10D3\n",
    }


def first_steps(why: list[dict[str, Any]]) -> list[str]:
    return [cause["change"][0]["do"] for cause in why if cause["change"]]


def test_a_group_and_its_device_say_what_to_change() -> None:
    client = served(OFF)
    for route in ("/v1/groups/2", "/v1/devices/0000:03:00.0"):
        found = client.json(route)
        assert found["cause"] == "intremap_off"
        assert found["causes"] == [cause["name"] for cause in found["why"]]
        first = found["why"][0]
        assert (first["sentence"], first["helps"]) == (SENTENCE, True)
        assert first["change"][0]["do"].startswith("Remove `intremap=off`")
        assert first["because"]["truth"] is not None


def test_the_report_has_one_row_for_each_cause() -> None:
    report = served(OFF).json("/v1/report?proof=none")
    (row,) = report["causes"]
    assert (row["name"], row["sentence"], row["groups"]) == ("intremap_off", SENTENCE, [0, 1, 2])
    assert {group["cause"] for group in report["groups"]} == {"intremap_off"}


def test_what_can_be_attached_has_no_cause() -> None:
    client = served(x86_host({1: [Function("0000:01:00.0", "IR-PCI-MSIX", driver="vfio-pci")]}))
    group = client.json("/v1/groups/1")
    assert (group["cause"], group["causes"], group["why"]) == (None, [], [])
    assert client.json("/v1/report")["causes"] == []
    target = client.json("/v1/check/group:1")
    assert (target["cause"], target["causes"], target["why"]) == (None, [], [])


def test_the_gate_says_the_cause_and_its_first_step_in_one_line() -> None:
    response = served(OFF).get("/v1/check/group:0")
    target = response.json()
    assert target["reason"] == (
        f"{SENTENCE.rstrip('.')} (EPERM from VFIO_SET_IOMMU); "
        "remove `intremap=off` from the kernel command line, and reboot"
    )
    assert target["cause"] == "intremap_off"
    assert first_steps(target["why"])[0].startswith("Remove `intremap=off`")


def test_the_gate_never_offers_the_override_first() -> None:
    reason = served(x86_host(1, remapping=False)).get("/v1/check/group:0").json()["reason"]
    assert "no setting helps" in reason
    assert "allow_unsafe" not in reason


WAY = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


@pytest.mark.parametrize("path", ["/", "/groups/0"])
def test_a_page_shows_the_override_after_the_steps_of_all_causes(path: str) -> None:
    page = served(OFF).get(path, accept="text/html").text
    assert page.count(f"echo Y &gt; {WAY}") == 1
    assert page.index("Remove `intremap=off`") < page.index("Last resort") < page.index("echo Y")
    assert "What to change here" not in page[page.index("Last resort") :]


def test_json_keeps_the_override_apart_from_the_steps() -> None:
    why = served(OFF).json("/v1/groups/0")["why"]
    assert not [step for cause in why for step in cause["change"] if WAY in str(step)]
    assert [bool(cause["last_resort"]) for cause in why] == [False] * (len(why) - 1) + [True]
    assert why[-1]["last_resort"][0]["where"] == f"echo Y > {WAY}"


def test_a_function_in_no_group_has_its_cause_in_every_answer() -> None:
    client = served(with_a_lone_function(x86_host(1)))
    (lone,) = client.json("/v1/report")["ungrouped"]
    assert (lone["cause"], lone["causes"]) == ("not_behind_iommu", ["not_behind_iommu"])
    found = client.json("/v1/devices/07:00.0")
    assert [cause["name"] for cause in found["why"]] == [found["cause"]] == ["not_behind_iommu"]
    target = client.get("/v1/check/07:00.0").json()
    assert target["cause"] == "not_behind_iommu"
    assert "\n" not in target["reason"]


def test_the_rest_of_the_causes_of_a_blocked_group_are_its_blockers() -> None:
    groups = {1: [Function("0000:01:00.0", "IR-PCI-MSIX", driver="vfio-pci"), "0000:01:00.1"]}
    group = served(x86_host(groups)).json("/v1/groups/1")
    assert group["causes"] == ["not_viable"]
    (cause,) = group["why"]
    assert cause["rule"].startswith("drivers/iommu/iommu.c iommu_group_claim_dma_owner()")
    assert "0000:01:00.1" in cause["sentence"]
    assert cause["change"]


class Unread:
    """A root that nobody may read any more."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"{name} of the host is asked for a request")


FIELD = sorted(Path(__file__).parent.parent.glob("fixtures/field/*/root.tar.xz"))


@pytest.mark.parametrize("capture", FIELD, ids=lambda path: path.parent.name)
def test_no_answer_reads_the_host_after_the_reading(capture: Path) -> None:
    """What an advice asks of the host is read in the reader's thread, which may hang."""
    scan = HostReader(str(capture), Choice()).read()
    assert isinstance(scan.state, Snapshot)
    vars(scan.state.site)["_root"] = Unread()
    for place in (*scan.report.groups, *scan.report.ungrouped):
        causes = scan.why(place)
        assert tuple(dict.fromkeys(cause.name for cause in causes)) == place.causes


def test_4096_groups_without_proofs_take_less_than_two_and_a_half_megabytes() -> None:
    groups = {n: [f"{n >> 8:04x}:{n & 255:02x}:00.0"] for n in range(4096)}
    host = x86_host(groups, remapping=False, cmdline=b"intremap=off")
    client = served(host)
    body = client.get("/v1/report?proof=none").text
    assert len(body) < 2_500_000
    assert len(client.json("/v1/report?proof=none")["causes"]) == 1
