"""What a route does not declare may not stand in its query."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.document import document
from tests.serve.serving import problem, served
from tests.support.hosts import x86_host

CLIENT = served(x86_host(3, remapping=False, override=True))
VERSIONED = {
    "/v1/report": ("policy", "backend", "proof", "wide"),
    "/v1/groups": ("outcome", "policy", "backend", "proof", "wide"),
    "/v1/groups/0": ("policy", "backend"),
    "/v1/devices/0000:01:00.0": ("policy", "backend"),
    "/v1/check/0000:01:00.0": ("policy", "backend", "strict", "now", "interrupts", "expect"),
    "/v1/firmware": (),
    "/v1/schema.json": (),
    "/v1/events": (),
}
#: A value that each parameter takes.
VALUES = {
    "policy": "iommu_capable",
    "outcome": "refused",
    "proof": "none",
    "wide": "1",
    "strict": "1",
    "backend": "type1",
    "now": "1",
    "interrupts": "1",
    "expect": "8086:10d3",
}


THERE = "there are strict, now, interrupts, expect, policy, backend"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("stict=1", 'unknown parameter "stict"; did you mean "strict"?'),
        ("Strict=1", 'unknown parameter "Strict"; did you mean "strict"?'),
        ("polciy=iommu_capable", 'unknown parameter "polciy"; did you mean "policy"?'),
        ("strict=1&stict=1", 'unknown parameter "stict"; did you mean "strict"?'),
        ("strict=1&strict=0", 'parameter "strict" is given 2 times; give it once'),
        ("strict=1&strict=1", 'parameter "strict" is given 2 times; give it once'),
        ("%73trict=1&strict=1", 'parameter "strict" is given 2 times; give it once'),
        (
            "zzz",
            f'unknown parameter "zzz"; {THERE}',
        ),
        ("=1", f'unknown parameter ""; {THERE}'),
        (
            "a%0Ab%22",
            f'unknown parameter "a\\nb\\""; {THERE}',
        ),
    ],
)
def test_the_gate_says_what_is_wrong_with_a_query(query: str, detail: str) -> None:
    assert CLIENT.get("/v1/check/group:0").status_code == 200
    body = problem(CLIENT.get(f"/v1/check/group:0?{query}"))
    assert (body["status"], body["detail"]) == (422, detail)


@pytest.mark.parametrize("path", VERSIONED)
def test_no_versioned_route_takes_what_it_does_not_declare(path: str) -> None:
    for name in ("x", *(name for name in VALUES if name not in VERSIONED[path])):
        for method in ("GET", "HEAD"):
            assert CLIENT.request(method, f"{path}?{name}=1").status_code == 422, name


@pytest.mark.parametrize("path", VERSIONED)
def test_only_a_list_is_given_twice(path: str) -> None:
    for name in VERSIONED[path]:
        once = f"{name}={VALUES[name]}"
        assert CLIENT.get(f"{path}?{once}").status_code in {200, 409}
        twice = CLIENT.get(f"{path}?{once}&{once}").status_code
        assert (twice == 422) == (name not in {"outcome", "expect"}), name


def test_the_document_declares_what_is_taken() -> None:
    declared = {
        path: {
            parameter["name"]
            for parameter in item["get"].get("parameters", ())
            if parameter["in"] == "query"
        }
        for path, item in document()["paths"].items()
    }
    gate = {"strict", "now", "interrupts", "expect", "policy", "backend"}
    assert declared["/v1/check/{target}"] == gate
    assert declared["/v1/check"] == gate | {"target"}
    for path, names in VERSIONED.items():
        route = path.replace("/0000:01:00.0", "/{}").replace("/0", "/{}")
        matching = [key for key in declared if "{}".join(_split(key)) == route]
        assert declared[matching[0]] == set(names)


def _split(route: str) -> list[str]:
    head, _, tail = route.partition("{")
    return [head, tail.partition("}")[2]] if tail else [head]


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/openapi.json"])
def test_pages_and_the_routes_of_scrapers_ignore_what_they_do_not_know(path: str) -> None:
    assert CLIENT.get(f"{path}?x=1&x=2&policy=nothing").status_code == 200


def test_a_route_that_does_not_exist_is_not_found_whatever_is_asked() -> None:
    assert problem(CLIENT.get("/v1/nowhere?stict=1"))["status"] == 404


@given(st.text(max_size=80), st.text(max_size=10))
def test_any_other_name_is_an_error_of_one_line(name: str, value: str) -> None:
    query = f"{_quote(name)}={_quote(value)}"
    status = CLIENT.get(f"/v1/check/group:0?{query}").status_code
    if name == "strict":
        assert status in {200, 409, 422}
    else:
        assert problem(CLIENT.get(f"/v1/check/group:0?{query}"))["status"] == 422


def _quote(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def test_only_a_wrong_name_costs_the_search_for_the_nearest() -> None:
    code = (
        "import sys\n"
        "from tests.serve.serving import served\n"
        "from tests.support.hosts import x86_host\n"
        "client = served(x86_host(1))\n"
        "loaded = 'difflib' in sys.modules\n"
        "assert client.get('/v1/check/group:0?strict=1').status_code == 200\n"
        "assert ('difflib' in sys.modules) == loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
