"""The recording rules: a fleet in a number of series that does not grow with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contrib.rules import (
    ALERTS,
    DIRECTORY,
    REPOSITORY,
    RULES,
    metrics_in,
    promtool,
    rules_of,
    unit_tests,
)

RECORDED = rules_of(RULES)
#: Labels of which a fleet has few values, whatever its size.
BOUNDED = {
    "alertname", "backend", "cause", "finding", "job", "kernel", "kind", "metric", "outcome",
    "parameter", "policy", "reason", "severity", "source", "version",
}  # fmt: skip

#: What the documents say a large fleet may leave out.
LEFT_OUT = re.findall(
    r"`(vfioguard_\([^`]+)`",
    (REPOSITORY / "docs" / "performance.md").read_text().replace("\\|", "|"),
) + re.findall(r'regex: "([^"]+)"', (DIRECTORY / "README.md").read_text())

each_rule = pytest.mark.parametrize("rule", RECORDED, ids=[rule["record"] for rule in RECORDED])


def test_promtool_takes_the_rules() -> None:
    result = promtool("check", "rules", RULES)
    assert result.returncode == 0, result.stdout + result.stderr


@each_rule
def test_a_recorded_series_has_bounded_labels_alone_and_names_them(rule: dict[str, Any]) -> None:
    top = re.match(r"topk by \(job\) \(100,\s+", rule["expr"])
    by = re.match(
        r"(?:sum|count|max) by \(([a-z, ]+)\) \(", rule["expr"][top.end() if top else 0 :]
    )
    assert by is not None, "the outermost operation says which labels stay"
    labels = by.group(1).split(", ")
    assert set(labels) - ({"instance"} if top else set()) <= BOUNDED
    assert rule["record"].split(":")[0] == "_".join(labels)


@each_rule
def test_promtool_is_asked_for_the_value_of_a_recorded_series(rule: dict[str, Any]) -> None:
    asked = {
        check["expr"]: check["exp_samples"]
        for test in unit_tests()
        for check in test["promql_expr_test"]
    }
    assert asked[rule["record"]]


def test_no_rule_asks_for_what_a_large_fleet_leaves_out() -> None:
    asked = set().union(*(metrics_in(rule["expr"]) for rule in [*RECORDED, *rules_of(ALERTS)]))
    assert len(asked) > 20
    assert len(LEFT_OUT) == 3
    for regex in LEFT_OUT:
        assert [name for name in asked if re.fullmatch(regex, name)] == []
