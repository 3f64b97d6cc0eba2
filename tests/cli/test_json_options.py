"""`--json` and `-o FORM` as people type them; a wrong option shows the usage of its own verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vfioguard.cli import main

HOST = str(Path(__file__).parents[1] / "fixtures/sysfs/6.12-amd64--vtd-ir-andd/bound.tar.xz")


@pytest.mark.parametrize(
    "words",
    [
        ["--json"],
        ["-o", "json"],
        ["-ojson"],
        ["-o=json"],
        ["--output=json"],
        ["--json", "-o", "json", "--json"],
    ],
)
@pytest.mark.parametrize("verb", ["policies", "report"])
def test_every_way_to_ask_for_json(
    verb: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([verb, "--root", HOST, *words])
    assert json.loads(capsys.readouterr().out)["schema_version"] == 1


@pytest.mark.parametrize("words", [[], ["--json"], ["-o", "json"]])
def test_the_schema_is_json_however_it_is_asked_for(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", *words]) == 0
    assert "$defs" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "--jsn"], "vfioguard report: unrecognized arguments: --jsn"),
        (["policies", "-o", "yaml"], "vfioguard policies: argument -o/--output: invalid choice"),
        (["firmware", "--json", "--output", "text"], "vfioguard firmware: --output is given twice"),
        (["explain", "-x", "EPERM"], "vfioguard explain: unrecognized arguments: -x"),
        (["report", "--proof", "none"], "vfioguard report: --proof is for json"),
        (["schema", "report"], "vfioguard schema: unrecognized arguments: report"),
        (["--json", "report"], "vfioguard: unrecognized arguments: --json; options stand behind"),
        (["--jsn"], "vfioguard: unrecognized arguments: --jsn"),
        (["-o", "json", "report"], "vfioguard: unrecognized arguments: -o; options stand behind"),
    ],
)
def test_a_wrong_option_shows_the_usage_of_its_verb(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 3
    usage, line = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    assert usage.startswith(f"usage: {said.partition(':')[0]} [")


def test_the_policies_say_which_is_in_force_with_a_proof(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policies", "--root", HOST, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    by_name = {policy["name"]: policy for policy in told["policies"]}
    assert by_name["iommu_group_has_isolated_msi"]["in_force"] is True
    assert by_name["iommu_capable"]["carried"]["truth"] is False
    assert by_name["iommu_capable"]["carried"]["because"]
