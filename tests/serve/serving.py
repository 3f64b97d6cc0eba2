"""What the tests of the daemon share: a host that is served without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from vfioguard.judging import causes
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.judging.policies import policy_names
from vfioguard.judging.under import under
from vfioguard.judging.what_if import group_if
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.memory import Entry, Memory
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.doubt import Doubt
from vfioguard.serve.host.explaining import explain
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.http.metrics import Counted
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller

WHEN = "2026-11-22T18:00:00Z"


def scan_of(entries: Mapping[str, Entry], pinned: str | None = None, when: str = WHEN) -> Scan:
    judged = judge(take(Memory(entries)), when, Choice(pinned))
    return Scan(
        report=causes.with_ungrouped(judged.host, judged.report),
        under=partial(under, judged),
        check=partial(check, judged),
        why=partial(causes.why, judged.host),
        explain=partial(explain, judged),
        what_if=partial(group_if, judged),
        state=judged.snapshot,
        taken_at=1795370400.0,
        seconds=0.25,
    )


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def latest_of(
    *scans: Scan,
    clock: Callable[[], float] | None = None,
    nonce: str | None = "n",
    doubts: Sequence[Callable[[], Doubt | None]] = (),
) -> Latest:
    """What is served after these readings; the interval is 10 seconds."""
    latest = Latest(policy_names(), 10.0, clock or Clock(), nonce, doubts)
    for scan in scans:
        latest.publish(scan, latest.render(scan.report))
    return latest


def served(entries: Mapping[str, Entry], pinned: str | None = None) -> Client:
    return Client(latest_of(scan_of(entries, pinned)))


class Client:
    """Requests to the application itself. An exception in a handler fails the test."""

    def __init__(
        self,
        latest: Latest,
        base: str = "http://127.0.0.1:18346",
        *,
        raising: bool = True,
        counted: Sequence[Counted] = (),
    ) -> None:
        app = build(latest, ChangeTeller(), counted=counted)
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=raising)
        self._base = base

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def go() -> httpx.Response:
            client = httpx.AsyncClient(transport=self._transport, base_url=self._base)
            async with client:
                client.headers.clear()
                named = [
                    (name.replace("_", "-").encode(), value.encode("latin-1"))
                    for name, value in headers.items()
                ]
                return await client.request(method, path, headers=named)

        return asyncio.run(go())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)

    def json(self, path: str, **headers: str) -> Any:
        response = self.get(path, **headers)
        assert response.status_code == 200, response.text
        return response.json()


def problem(response: httpx.Response) -> dict[str, Any]:
    """The body of an error, checked to be one by RFC 9457."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    assert isinstance(body["title"], str)
    assert "\n" not in body["detail"]
    return body
