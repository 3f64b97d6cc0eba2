"""The recording rules: a fleet in a number of series that does not grow with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contrib.rules import RULES, promtool, rules_of, unit_tests

RECORDED = rules_of(RULES)
#: Labels of which a fleet has few values, whatever its size.
BOUNDED = {
    "backend", "finding", "job", "kernel", "kind", "outcome", "parameter", "policy", "severity",
    "source", "version",
}  # fmt: skip

each_rule = pytest.mark.parametrize("rule", RECORDED, ids=[rule["record"] for rule in RECORDED])


def test_promtool_takes_the_rules() -> None:
    result = promtool("check", "rules", RULES)
    assert result.returncode == 0, result.stdout + result.stderr


@each_rule
def test_a_recorded_series_has_bounded_labels_alone_and_names_them(rule: dict[str, Any]) -> None:
    by = re.match(r"(?:sum|count|max) by \(([a-z, ]+)\) \(", rule["expr"])
    assert by is not None, "the outermost operation says which labels stay"
    labels = by.group(1).split(", ")
    assert set(labels) <= BOUNDED
    assert rule["record"].split(":")[0] == "_".join(labels)


@each_rule
def test_promtool_is_asked_for_the_value_of_a_recorded_series(rule: dict[str, Any]) -> None:
    asked = {
        check["expr"]: check["exp_samples"]
        for test in unit_tests()
        for check in test["promql_expr_test"]
    }
    assert asked[rule["record"]]
