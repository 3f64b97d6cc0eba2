"""What the tests of contrib/prometheus share: its files, read, and promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parent.parent.parent
DIRECTORY = REPOSITORY / "contrib" / "prometheus"
ALERTS = DIRECTORY / "vfioguard-alerts.yml"
RULES = DIRECTORY / "vfioguard-rules.yml"
DASHBOARD = DIRECTORY / "vfioguard-dashboard.json"
UNIT_TESTS = sorted((DIRECTORY / "tests").glob("*.yml"))
RUNBOOK = REPOSITORY / "docs" / "runbook.md"

_METRIC = re.compile(r"(?:[a-z_]+:)?vfioguard_[a-z0-9_]+(?::[a-z0-9_]+)?")


def rules_of(path: Path) -> list[dict[str, Any]]:
    """All rules of a file of rules."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def unit_tests() -> Iterator[dict[str, Any]]:
    """All tests that promtool runs."""
    for path in UNIT_TESTS:
        yield from yaml.safe_load(path.read_text())["tests"]


def metrics_in(expression: str) -> set[str]:
    """The metrics of vfioguard, recorded ones too, that an expression names."""
    return set(_METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; that it is missing is a failure."""
    program = shutil.which("promtool")
    assert program is not None, "promtool is missing: apt-get install prometheus"
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
