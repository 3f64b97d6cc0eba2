"""/v1/what-if: one group as if a state were another, or under another kernel."""

from __future__ import annotations

import pytest

from tests.serve.document import holds, schema_of
from tests.serve.serving import problem, served
from tests.support.hosts import x86_host

OFF = served(x86_host(2, remapping=False))


def test_a_group_is_judged_as_if_remapping_were_on_and_nothing_is_kept() -> None:
    told = OFF.json("/v1/what-if/group:1?assume=intremap%3Don")
    holds(schema_of("/v1/what-if/{target}"), told)
    assert (told["assumed"], told["today"], told["then"]) == (
        ["intremap=on"],
        "refused",
        "allowed",
    )
    assert told["group"]["id"] == 1
    assert OFF.json("/v1/groups/1")["outcome"] == "refused"
    assert OFF.get("/v1/check/group:1").status_code == 409


def test_another_kernel_is_assumed() -> None:
    told = OFF.json("/v1/what-if/0000:01:00.0?kernel=6.1&assume=override%3Don")
    assert told["assumed"] == ["override=on", "kernel 6.1"]
    assert told["then"] == "allowed-by-override"


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("group:1", 422, "say what to assume"),
        ("group:1?assume=its%3Don", 422, "Arm"),
        ("group:1?assume=nothing", 422, "there are intremap=on"),
        ("group:1?kernel=banana", 422, "no release of Linux"),
        ("group:9?kernel=7.3", 404, "group:9"),
        ("group:1?kernel=7.3&kernel=7.2", 422, "given 2 times"),
    ],
)
def test_what_cannot_be_assumed_is_one_line(query: str, status: int, words: str) -> None:
    body = problem(OFF.get(f"/v1/what-if/{query}"))
    assert (body["status"], words in body["detail"]) == (status, True)
