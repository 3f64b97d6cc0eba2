"""The dashboard: promtool reads every expression, Grafana's own model the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.contrib.rules import DASHBOARD, RULES, metrics_in, promtool, rules_of

DOCUMENT: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS: list[dict[str, Any]] = [p for p in DOCUMENT["panels"] if p["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DOCUMENT["templating"]["list"]}


def expressions(instance: str = "a:18346", interval: str = "5m") -> list[str]:
    """What Prometheus is asked by the panels, the variables with a value each."""
    values = {"$__rate_interval": interval, "$job": "vfioguard", "$instance": instance}
    found = [target["expr"] for panel in PANELS for target in panel["targets"]]
    for name, value in values.items():
        found = [expression.replace(name, value) for expression in found]
    return found


def test_promtool_takes_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"x{n}", "expr": text} for n, text in enumerate(expressions())]
    assert len(rules) >= len(PANELS)
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    result = promtool("check", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(rules)} rules found" in result.stdout


def test_no_variable_is_left_without_a_value() -> None:
    assert not [text for text in expressions() if re.search(r"\$(?!\|)\w", text)]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DOCUMENT["panels"])))
    builtin = {"__rate_interval", "__dashboard", "__value"}
    assert used - builtin == set(VARIABLES)


def test_grafanas_own_model_keeps_all_that_the_dashboard_says() -> None:
    kept = json.loads(json.dumps(Dashboard.from_json(DOCUMENT), cls=JSONEncoder))
    assert _lost(DOCUMENT, kept, "") == []


def _lost(ours: Any, kept: Any, at: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(kept, dict):
        return [
            line
            for key, value in ours.items()
            for line in (_lost(value, kept[key], f"{at}.{key}") if key in kept else [f"{at}.{key}"])
        ]
    if isinstance(ours, list) and isinstance(kept, list) and len(ours) == len(kept):
        pairs = enumerate(zip(ours, kept, strict=True))
        return [line for n, (a, b) in pairs for line in _lost(a, b, f"{at}[{n}]")]
    return [] if ours == kept else [at]


def test_the_datasource_is_the_readers_choice() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    uids = set(re.findall(r'"uid": "([^"]*)"', json.dumps(DOCUMENT)))
    assert uids == {"${datasource}", DOCUMENT["uid"]}


def test_the_panels_of_the_fleet_ask_for_recorded_series_alone() -> None:
    (host,) = (p for p in DOCUMENT["panels"] if p["title"] == "Host $instance")
    fleet = [panel for panel in PANELS if panel["gridPos"]["y"] < host["gridPos"]["y"]]
    asked = [target["expr"] for panel in fleet for target in panel["targets"]]
    recorded = {rule["record"] for rule in rules_of(RULES)}
    assert len(fleet) > 20
    for expression in asked:
        assert metrics_in(expression)
        assert metrics_in(expression) <= recorded
        assert "ALERTS" not in expression
        assert "instance=" not in expression


def test_a_host_is_chosen_among_those_that_show_metrics() -> None:
    assert VARIABLES["instance"]["query"]["query"].startswith("label_values(vfioguard_build_info{")
    assert not VARIABLES["instance"]["multi"]


def test_every_panel_says_what_it_shows() -> None:
    ids = [panel["id"] for panel in DOCUMENT["panels"]]
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_no_panel_lies_over_another_or_beyond_the_edge() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DOCUMENT["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken[x, y])
                taken[x, y] = panel["title"]
    rows = {y for _, y in taken}
    assert rows == set(range(max(rows) + 1))


def test_outcomes_have_the_same_colour_everywhere() -> None:
    colours: dict[str, set[str]] = {}
    for panel in PANELS:
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                if one["id"] == "color":
                    name = override["matcher"]["options"]
                    colours.setdefault(name, set()).add(one["value"]["fixedColor"])
    assert set(colours) == {"allowed", "allowed-by-override", "refused", "unknown"}
    assert all(len(found) == 1 for found in colours.values())
