"""The JSON Schema that the package brings along."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from release.schema import DOCUMENTS, schema
from tests.serve.serving import Client, latest_of, scan_of
from tests.support.commands import VFIOGUARD
from tests.support.hosts import x86_host
from vfioguard import attach
from vfioguard.json_shapes import attachment
from vfioguard.json_shapes.schema import schema as packaged

REPOSITORY = Path(__file__).parents[2]
HOST = REPOSITORY / "tests/fixtures/sysfs/6.12-amd64--vtd-ir-andd/bound.tar.xz"
WHOLE: dict[str, Any] = json.loads(packaged())


def test_it_is_that_of_the_shapes() -> None:
    assert packaged().decode() == schema(), "stale: make documents"


def test_it_is_a_schema_and_has_every_document_by_its_name() -> None:
    Draft202012Validator.check_schema(WHOLE)
    assert {shape.__name__ for shape in DOCUMENTS} <= WHOLE["$defs"].keys()
    assert all(re.fullmatch(r"[A-Za-z]+", name) for name in WHOLE["$defs"])


def test_the_command_and_the_daemon_print_it() -> None:
    done = subprocess.run([*VFIOGUARD, "schema"], capture_output=True, check=True)
    assert done.stdout == packaged()
    client = Client(latest_of(scan_of(x86_host())))
    response = client.get("/v1/schema.json")
    assert response.content == packaged()
    assert response.headers["content-type"] == "application/schema+json"
    tag = response.headers["etag"]
    assert client.get("/v1/schema.json", if_none_match=tag).status_code == 304


def judged(document: object, name: str) -> None:
    """The document is one of this definition, which knows each of its members."""
    definitions = {
        key: {**shape, "additionalProperties": False} if "properties" in shape else shape
        for key, shape in WHOLE["$defs"].items()
    }
    Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions}).validate(document)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("report", "--json"), "Report"),
        (("report", "-o", "json", "--proof", "none"), "Report"),
        (("report", "--json", "--wide"), "WideReport"),
        (("report", "-ojson", "--proof=none"), "Report"),
        (("policies", "--json"), "Policies"),
        (("firmware", "--json"), "Firmware"),
        (("explain", "--json", "group:0", "EPERM"), "Explained"),
    ],
)
def test_what_a_command_prints_is_of_it(words: tuple[str, ...], name: str) -> None:
    verb, *rest = words
    done = subprocess.run(
        [*VFIOGUARD, verb, "--root", str(HOST), *rest], capture_output=True, check=False
    )
    judged(json.loads(done.stdout), name)


def test_what_differs_is_of_it() -> None:
    done = subprocess.run(
        [*VFIOGUARD, "diff", "--json", str(HOST), str(HOST)], capture_output=True, check=True
    )
    judged(json.loads(done.stdout), "Difference")


def test_an_answer_without_proofs_is_of_it_and_has_a_tag_of_its_own() -> None:
    client = Client(latest_of(scan_of(x86_host(3, remapping=False))))
    for path, name in (("/v1/report", "Report"), ("/v1/groups", "GroupList")):
        full, brief = client.get(path), client.get(f"{path}?proof=none")
        assert brief.headers["etag"] != full.headers["etag"]
        assert len(brief.content) < len(full.content)
        assert b'"claim"' not in brief.content
        judged(brief.json(), name)
        assert client.get(f"{path}?proof=full").content == full.content
        assert client.get(f"{path}?proof=some").status_code == 422


def test_the_closed_sets_are_those_of_the_attach() -> None:
    assert get_args(attachment.Backend) == attach.BACKENDS
    assert get_args(attachment.Call) == attach.CALLS
