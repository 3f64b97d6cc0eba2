"""Devices come, go, are bound and unbound in umockdev's /sys, and the real daemon says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_devices_that_come_bind_unbind_and_go_are_followed_by_their_events_alone() -> None:
    wrapper = shutil.which("umockdev-wrapper")
    assert wrapper is not None, "umockdev is missing: apt-get install umockdev libumockdev0"
    result = subprocess.run(
        [wrapper, sys.executable, "-m", "tests.serve.mocked"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["step"], one["groups"]) for one in found] == [
        ("add", [0, 1]),
        ("bind", [0, 1]),
        ("unbind", [0, 1]),
        ("remove", [0]),
    ]
