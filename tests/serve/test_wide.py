"""What devices are, in the answers of the daemon: read when somebody asks, beside the verdicts."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serve.document import holds, schema_of
from tests.serve.serving import Client, latest_of, problem, scan_of
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.device_facts import DeviceFacts
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.output.facts.json import facts_json
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.root import Root
from vfioguard.root.capture import save
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.patience import Door, Patience
from vfioguard.serve.answer.wide import Wide
from vfioguard.serve.host import describing
from vfioguard.serve.host.describing import Describing
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller

NIC, OTHER = "0000:02:00.0", "0000:03:00.0"
PORT = "0000:00:1c.0"
HOME = f"/sys/devices/pci0000:00/{PORT}/{NIC}"
LONE = "0000:09:00.0"


def host(resets: bytes = b"flr bus\n") -> dict[str, Entry]:
    nic = Function(NIC, "IR-PCI-MSIX", below=(PORT,), vectors=5)
    return x86_host({0: [nic], 1: [Function(OTHER)]}) | {
        f"{HOME}/numa_node": b"1\n",
        f"{HOME}/reset_method": resets,
        f"/sys/bus/pci/devices/{LONE}/uevent": b"PCI_CLASS=20000\nPCI_ID=8086:10D3\n",
        "/proc/self/mountinfo": b"36 35 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n",
        "/proc/swaps": b"Filename Type Size Used Priority\n",
        "/proc/net/route": b"Iface\tDestination\n",
        "/sys/dev/block/259:1": Link(f"../../devices/pci0000:00/{PORT}/{NIC}/block/x/x1"),
        "/sys/class/block/x1": Link(f"../../devices/pci0000:00/{PORT}/{NIC}/block/x/x1"),
    }


class Asked:
    """A reading of a host in memory, and for which devices the facts were asked."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.names: list[tuple[str, ...]] = []
        self._judged = judged(entries)
        self._describing = Describing(lambda _: Memory(entries))
        self.scan: Scan = scan_of(entries)._replace(facts=self.facts)

    async def facts(self, names: Sequence[str]) -> dict[str, DeviceFacts] | None:
        self.names.append(tuple(names))
        told = await self._describing.facts(self._judged, names)
        return None if told is None else dict(told)


def judged(entries: dict[str, Entry]) -> Judged:
    return judge(take(Memory(entries)), "2026-11-22T18:00:00Z")


@pytest.fixture(params=["directory", "capture"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> HostReader:
    if request.param == "directory":
        return HostReader(trees.write(tmp_path / "root", host()), NOTHING_CHOSEN)
    save(str(tmp_path / "host.tar.xz"), host())
    return HostReader(str(tmp_path / "host.tar.xz"), NOTHING_CHOSEN)


def test_one_group_and_one_device_tell_what_their_devices_are(read: HostReader) -> None:
    client = Client(latest_of(read.read()))
    for route, path in (("/v1/groups/{id}", "groups/0"), ("/v1/devices/{bdf}", f"devices/{NIC}")):
        answer = client.json(f"/v1/{path}")
        holds(schema_of(route), answer)
        (facts,) = answer["facts"].items()
        assert facts[0] == NIC
        assert facts[1]["numa_node"] == 1
        assert facts[1]["port"] == PORT
        assert facts[1]["reset_methods"] == ["flr", "bus"]
        assert facts[1]["msi_vectors"] == 5
        assert facts[1]["roles"] == ["the disk of /"]
    assert client.json("/v1/groups/1")["facts"][OTHER]["roles"] == []


def test_a_device_in_no_group_has_facts_too(read: HostReader) -> None:
    answer = Client(latest_of(read.read())).json(f"/v1/devices/{LONE}")
    holds(schema_of("/v1/devices/{bdf}"), answer)
    assert answer["group"] is None
    assert answer["facts"][LONE]["id"] == "8086:10d3"


def test_an_explanation_tells_what_the_devices_are(read: HostReader) -> None:
    client = Client(latest_of(read.read()))
    paths = {"/group:0": NIC, f"/{LONE}": LONE, f"?text=vfio+{NIC}:+group+0+is+not+viable": NIC}
    for path, name in paths.items():
        (answer,) = client.json(f"/v1/explain{path}")["answers"]
        assert set(answer["facts"]) == {name}
        assert answer["facts"][name]["id"] == "8086:10d3"
    told = client.get("/v1/explain/group:0", accept="text/plain").text
    assert "the host needs it: the disk of /" in " ".join(told.split())


@pytest.mark.parametrize("more", ["", "&proof=none", "&policy=iommu_capable"])
def test_wide_adds_the_facts_of_all_devices_and_nothing_else(more: str) -> None:
    asked = Asked(host())
    client = Client(latest_of(asked.scan))
    for path in ("/v1/report", "/v1/groups"):
        plain = client.json(f"{path}?wide=0{more}")
        wide = client.json(f"{path}?wide=1{more}")
        holds(schema_of(path), wide)
        alone = {device["name"] for device in plain.get("ungrouped", ())}
        assert set(wide.pop("facts")) == {NIC, OTHER} | alone
        assert wide == plain
        assert alone == ({LONE} if path == "/v1/report" else set())


def test_without_wide_nobody_reads_the_facts() -> None:
    asked = Asked(host())
    client = Client(latest_of(asked.scan))
    for path in ("/v1/report", "/v1/groups", "/v1/check/group:0", "/v1/groups?wide=false"):
        assert client.get(path).status_code == 200
    assert asked.names == []


def test_a_selection_has_the_facts_of_its_own_devices() -> None:
    entries = host() | {"/sys/kernel/irq/99/chip_name": b"PCI-MSI\n"}
    asked = Asked(entries)
    client = Client(latest_of(asked.scan))
    for outcome in ("allowed", "refused", "unknown", "allowed-by-override"):
        answer = client.json(f"/v1/groups?wide=1&outcome={outcome}")
        members = {device["name"] for group in answer["groups"] for device in group["devices"]}
        assert set(answer["facts"]) == members


def test_the_facts_are_read_once_for_each_reading() -> None:
    asked = Asked(host())

    async def ask(times: int) -> None:
        for _ in range(times):
            await wide.told([NIC])

    scan = asked.scan
    wide = Wide(lambda: scan)
    asyncio.run(ask(3))
    assert asked.names == [(NIC,)]
    scan = scan._replace(taken_at=scan.taken_at + 1)
    asyncio.run(ask(2))
    assert asked.names == [(NIC,), (NIC,)]


def test_the_tag_is_another_when_a_fact_changes_and_no_verdict_does() -> None:
    before, after = Asked(host()).scan, Asked(host(b"bus\n")).scan
    assert before.report == after.report
    for path in ("/v1/groups/0", f"/v1/devices/{NIC}", "/v1/report?wide=1", "/v1/groups?wide=1"):
        tags = [Client(latest_of(scan)).get(path).headers["etag"] for scan in (before, after)]
        assert tags[0] != tags[1], path
        again = Client(latest_of(before)).get(path, if_none_match=tags[0])
        assert again.status_code == 304
        plain = Client(latest_of(before)).get(path.partition("?")[0]).headers["etag"]
        assert (plain == tags[0]) is ("?" not in path)


def test_a_wide_answer_may_be_compressed_and_is_marked_if_stale() -> None:
    latest = latest_of(Asked(host()).scan)
    latest.fail("in vain")
    response = Client(latest).get("/v1/report?wide=1")
    assert response.json()["stale"]["why"].endswith("in vain")
    assert NIC in response.json()["facts"]
    packed = Client(latest).get("/v1/report?wide=1", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    # The clock of `latest` stands, so that the start of the failure moves with the time of day.
    assert {**packed.json(), "stale": None} == {**response.json(), "stale": None}


def test_wide_is_for_json() -> None:
    client = Client(latest_of(Asked(host()).scan))
    for path in ("/v1/report?wide=1", "/v1/groups?wide=1"):
        response = client.get(path, accept="text/plain")
        assert response.status_code == 422
        assert "wide" in problem(response)["detail"]


def test_before_the_first_reading_there_is_no_answer() -> None:
    client = Client(latest_of())
    for path in ("/v1/report?wide=1", "/v1/groups?wide=1", "/v1/groups/0"):
        assert client.get(path).status_code == 503


def test_more_devices_than_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "_PART", 3)
    entries = x86_host(200)
    answer = Client(latest_of(Asked(entries).scan)).json("/v1/groups?wide=1")
    assert len(answer["facts"]) == 200
    one = Client(latest_of(Asked(entries).scan)).json("/v1/groups/7")["facts"]
    assert {name: answer["facts"][name] for name in one} == one


class Hanging:
    """A host that does not answer at one path until it is released."""

    def __init__(self, entries: dict[str, Entry], most: int = 8) -> None:
        self.patience = Patience(most=most)
        self.release = threading.Event()
        self.hangs = True
        self.opened = 0
        self._judged = judged(entries)
        self._entries = entries
        self.describing = Describing(self.open, self.patience)

    def open(self, door: Door) -> Root:
        self.opened += 1
        if self.hangs and not self.patience.hung:
            door.place[1] = f"{HOME}/numa_node"
            self.release.wait(30)
        return Memory(self._entries)

    async def facts(self) -> Any:
        return await self.describing.facts(self._judged, [NIC])


def test_a_read_that_hangs_is_left_out_of_the_facts() -> None:
    hanging = Hanging(host())

    async def go() -> Any:
        try:
            return await hanging.facts()
        finally:
            hanging.release.set()

    facts = asyncio.run(go())
    assert facts_json(facts[NIC])["reset_methods"] == ["flr", "bus"]
    assert hanging.patience.given_up == 1


def test_where_too_many_hang_the_facts_are_null_and_later_asked_for_at_no_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(describing, "LONGEST", 1.5)
    hanging = Hanging(host(), most=0)

    async def go() -> None:
        assert await hanging.facts() is None
        opened = hanging.opened
        for _ in range(50):
            assert await hanging.facts() is None
        assert hanging.opened == opened
        hanging.hangs = False
        hanging.release.set()
        async with asyncio.timeout(20):
            while await hanging.facts() is None:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.02)

    asyncio.run(go())


def test_an_explanation_is_given_where_what_the_devices_are_cannot_be_read() -> None:
    client = Client(latest_of(scan_of(host())))
    for path in ("/group:0", f"?text=vfio+{NIC}:+group+0+is+not+viable"):
        (answer,) = client.json(f"/v1/explain{path}")["answers"]
        assert answer["facts"] is None


def test_facts_that_could_not_be_read_are_null_and_tried_again() -> None:
    answers: list[dict[str, DeviceFacts] | None] = [None]
    asked = Asked(host())

    async def facts(names: Sequence[str]) -> dict[str, DeviceFacts] | None:
        return answers.pop() if answers else await asked.facts(names)

    client = Client(latest_of(asked.scan._replace(facts=facts)))
    for path, route in (("/v1/groups/0", "/v1/groups/{id}"), ("/v1/report?wide=1", "/v1/report")):
        answers[:] = [None]
        answer = client.json(path)
        holds(schema_of(route), answer)
        assert answer["facts"] is None
        assert client.json(path)["facts"] is not None


def test_the_gate_answers_while_the_facts_hang() -> None:
    asked = Asked(host())
    release = threading.Event()

    async def facts(_: Sequence[str]) -> dict[str, DeviceFacts] | None:
        await asyncio.to_thread(release.wait, 30)
        return None

    latest = latest_of(asked.scan._replace(facts=facts))

    async def go() -> None:
        transport = httpx.ASGITransport(build(latest, ChangeTeller()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            wide = asyncio.create_task(client.get("/v1/report?wide=1"))
            group = asyncio.create_task(client.get("/v1/groups/0"))
            await asyncio.sleep(0.05)
            async with asyncio.timeout(10):
                assert (await client.get("/v1/check/group:0")).status_code == 200
                assert (await client.get("/v1/report")).status_code == 200
            assert not wide.done()
            assert not group.done()
            release.set()
            assert json.loads((await wide).content)["facts"] is None
            assert (await group).json()["facts"] is None

    asyncio.run(go())
