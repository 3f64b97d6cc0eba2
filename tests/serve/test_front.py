"""What stands before every route."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.serve.serving import latest_of, problem, scan_of
from tests.support.hosts import x86_host
from vfioguard.serve.asgi import Message, Refusal
from vfioguard.serve.http.front import Admission
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller

ROUTES = ["/", "/v1/report", "/v1/check/group:0", "/metrics", "/openapi.json", "/nowhere"]


class Doorman:
    """Lets in whom a test wants."""

    def __init__(
        self, refusal: Refusal | None = None, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self.refusal = refusal
        self.headers = headers
        self.asked: Counter[str] = Counter()

    async def admit(self, scope: Message) -> tuple[str, Refusal | None]:
        self.asked[scope["path"]] += 1
        return "", self.refusal


def get(path: str, admission: Admission | None = None, host: str = "localhost") -> httpx.Response:
    async def go() -> httpx.Response:
        app = build(latest_of(scan_of(x86_host(1))), ChangeTeller(), admission)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://192.0.2.7:8080"
        ) as client:
            return await client.get(path, headers={"host": host, "origin": "http://evil.example"})

    return asyncio.run(go())


def over_unix(path: str, admission: Admission) -> int:
    """The status of a request that came without a port."""
    sent: list[dict[str, Any]] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b"",
        "raw_path": path.encode(), "root_path": "", "scheme": "http", "headers": [],
        "server": ("/run/vfioguard.sock", None), "client": None,
    }  # fmt: skip
    asyncio.run(
        build(latest_of(scan_of(x86_host(1))), ChangeTeller(), admission)(scope, receive, send)
    )
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("path", ROUTES)
def test_no_answer_is_for_a_page_from_elsewhere(path: str) -> None:
    headers = get(path).headers
    assert not [name for name in headers if name.startswith("access-control-")]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "deny"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_page_loads_and_runs_only_what_the_daemon_itself_gives() -> None:
    response = get("/")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert re.findall(r'src="([^"]*)"', response.text) == ["/page.js"]
    assert " style=" not in response.text
    assert "//" not in response.text


@pytest.mark.parametrize("path", ROUTES)
def test_another_name_is_refused_on_every_route(path: str) -> None:
    assert get(path, host="evil.example").status_code == 400


def test_a_name_that_was_allowed_is_ours_with_or_without_port_in_any_case() -> None:
    admission = Admission(hosts=frozenset({"host1.example"}))
    for host in ("host1.example", "HOST1.example:18346", "host1.example."):
        assert get("/-/healthy", admission, host).status_code == 200
    for host in ("host1.example.evil.example", "xhost1.example", "example", "host1.example@evil"):
        assert get("/-/healthy", admission, host).status_code == 400


def test_the_address_that_was_connected_to_is_ours_and_no_other() -> None:
    assert get("/-/healthy", host="192.0.2.7:18346").status_code == 200
    assert get("/-/healthy", host="192.0.2.8").status_code == 400


@pytest.mark.parametrize("path", ROUTES)
def test_who_is_not_let_in_sees_nothing(path: str) -> None:
    doorman = Doorman(Refusal(401, "no", ((b"www-authenticate", b"Basic"),)))
    response = get(path, Admission(guard=doorman))
    assert response.status_code == 401
    assert response.json()["detail"] == "no"
    assert response.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize("status", [401, 403, 429, 503])
@pytest.mark.parametrize("path", ROUTES)
def test_who_is_not_let_in_gets_a_problem(path: str, status: int) -> None:
    response = get(path, Admission(guard=Doorman(Refusal(status, "no"))))
    assert problem(response)["status"] == status


def test_who_comes_by_the_socket_file_is_let_in_by_its_mode() -> None:
    doorman = Doorman(Refusal(401, "no"))
    assert over_unix("/-/healthy", Admission(guard=doorman)) == 200
    assert not doorman.asked


def test_headers_of_the_file_win_and_an_empty_one_is_none() -> None:
    doorman = Doorman(headers=((b"content-security-policy", b"x"), (b"x-frame-options", b"")))
    headers = get("/", Admission(guard=doorman)).headers
    assert headers.get_list("content-security-policy") == ["x"]
    assert "x-frame-options" not in headers
