"""The alert rules: promtool is the judge of them, and people must be able to act on them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.contrib.rules import (
    ALERTS,
    REPOSITORY,
    RUNBOOK,
    UNIT_TESTS,
    promtool,
    rules_of,
    unit_tests,
)
from vfioguard import leaves
from vfioguard.cli.parser import parse
from vfioguard.finding import Finding
from vfioguard.serve.doubt import Reason

RULES = rules_of(ALERTS)
NAMES = [rule["alert"] for rule in RULES]
#: What a link begins with if the site says where it keeps the documents, and else does not.
DOCUMENTS = "{{ with $externalLabels.vfioguard_docs }}{{ . }}/{{ end }}"

each_alert = pytest.mark.parametrize("rule", RULES, ids=NAMES)


def test_promtool_takes_the_rules() -> None:
    result = promtool("check", "rules", ALERTS)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.name)
def test_promtool_agrees_with_every_unit_test(path: Any) -> None:
    result = promtool("test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


@each_alert
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    # A finding brings its own severity.
    severities = {"critical", "warning", "{{ $labels.severity }}"}
    assert rule["labels"]["severity"] in severities
    assert set(rule["annotations"]) == {"summary", "description", "first_step", "runbook_url"}
    assert all(len(text) >= 20 for text in rule["annotations"].values())
    assert len(rule["annotations"]["summary"]) <= 100
    assert "{{ $labels.instance }}" in rule["annotations"]["summary"] or "absent(" in rule["expr"]


@each_alert
def test_the_runbook_has_the_section_that_an_alert_names(rule: dict[str, Any]) -> None:
    url, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert url.startswith(DOCUMENTS)
    document = REPOSITORY / "docs" / url.removeprefix(DOCUMENTS)
    assert document == RUNBOOK
    assert anchor == rule["alert"].lower()  # a heading's anchor, as every renderer makes it
    sections = dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", document.read_text(), re.MULTILINE | re.DOTALL)
    )
    section = sections[rule["alert"]]
    for part in ("**Look.**", "**Change.**", "**Safe to ignore**"):
        assert part in section or "label `finding`" in section


def test_the_runbook_has_no_section_without_an_alert() -> None:
    assert sorted(re.findall(r"^## (Vfioguard\w+)", RUNBOOK.read_text(), re.MULTILINE)) == sorted(
        NAMES
    )


@each_alert
def test_promtool_is_asked_when_an_alert_fires_and_when_not(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    mine = [
        test for test in unit_tests() if test["name"].startswith((f"{name} fires", f"{name} is"))
    ]
    answers = [
        bool(check["exp_samples"])
        for test in mine
        for check in test["promql_expr_test"]
        if check["expr"] == f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    ]
    assert set(answers) == {True, False}
    silent = [test for test in mine if test["name"].startswith(f"{name} is silent")]
    assert silent
    assert not any(
        sample["labels"].startswith(f'ALERTS{{alertname="{name}"')
        for test in silent
        for check in test["promql_expr_test"]
        for sample in check["exp_samples"]
    )


def test_no_finding_is_an_information_which_nobody_is_to_be_told_of() -> None:
    findings = leaves.all_of("vfioguard.finding", "FINDING", Finding)
    assert {finding.severity for finding in findings} <= {"critical", "warning"}


def test_the_runbook_has_a_row_for_each_reason_of_doubt() -> None:
    section = RUNBOOK.read_text().partition("## VfioguardUnreliable\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    (rule,) = (rule for rule in RULES if rule["alert"] == "VfioguardUnreliable")
    own = re.findall(r'"reason", "(\w+)"', rule["expr"])
    assert own == ["stale", "not_counted", "flapping"]
    assert sorted(rows) == sorted([*Reason, *own])


def test_the_runbook_types_commands_that_exist() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line, comments=True) for text in blocks for line in text.splitlines()]
    ours = [words[words.index("vfioguard") + 1 :] for words in commands if "vfioguard" in words[:2]]
    assert {words[0] for words in ours} == {"check", "explain", "firmware", "report"}
    for words in ours:
        parse(words)


def test_the_readme_counts_the_alerts() -> None:
    assert f"| {len(RULES)} alerts;" in (ALERTS.parent / "README.md").read_text()


def test_the_findings_that_have_an_alert_of_their_own_exist() -> None:
    names = {name for rule in RULES for name in re.findall(r'finding=~?"(\w+)"', rule["expr"])}
    assert names <= set(leaves.names("vfioguard.finding"))
    (general,) = (rule for rule in RULES if rule["alert"] == "VfioguardFinding")
    left_out = set(re.findall(r'finding!~"([\w|]+)"', general["expr"])[0].split("|"))
    assert left_out <= set(leaves.names("vfioguard.finding"))
    assert names <= left_out


def test_the_files_are_plain_yaml_without_a_tab() -> None:
    for path in (ALERTS, *UNIT_TESTS):
        assert "\t" not in path.read_text()
        assert yaml.safe_load(path.read_text())
