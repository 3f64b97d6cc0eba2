"""The local fact of Ansible, as Ansible runs it. .ci/stages/75-integrations has Ansible run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
import yaml

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, REFUSED
from tests.support.hosts import x86_host
from tests.support.trees import write

REPOSITORY = Path(__file__).parent.parent.parent
FACT = REPOSITORY / "contrib" / "ansible" / "vfioguard.fact"
PLAY = REPOSITORY / "contrib" / "ansible" / "assert.yml"


def fact(directory: Path, script: str) -> dict[str, Any]:
    """The fact of a host whose `vfioguard` is this shell script."""
    command = directory / "vfioguard"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    result = subprocess.run(
        [str(FACT)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        timeout=60,
        env={"PATH": f"{directory}:{os.environ['PATH']}"},
    )
    assert (result.returncode, result.stderr) == (0, ""), "Ansible drops the fact"
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def judged(directory: Path, root: str) -> dict[str, Any]:
    return fact(directory, f'exec {quote(sys.executable)} -m vfioguard "$@" --root {quote(root)}')


@pytest.mark.parametrize(
    ("root", "outcome", "attach", "overrides", "causes", "findings"),
    [
        (ALLOWED, "allowed", "yes", {False, None}, [], []),
        (OVERRIDE, "allowed-by-override", "yes-by-override", {True, None},
         ["dmar_forbids"], ["unsafe_override"]),
        (REFUSED, "refused", "no", {False, None}, ["dmar_forbids"], []),
        (NO_GROUPS, "unknown", "unknown", {False, None}, ["qemu_without_iommu"], []),
    ],
)  # fmt: skip
def test_a_play_has_the_worst_of_the_host_and_why(
    tmp_path: Path,
    root: str,
    outcome: str,
    attach: str,
    overrides: set[bool | None],
    causes: list[str],
    findings: list[str],
) -> None:
    told = judged(tmp_path, root)
    assert (told["error"], told["outcome"], told["attach"]) == (None, outcome, attach)
    assert set(told["overrides"].values()) <= overrides
    assert (True in told["overrides"].values()) is (True in overrides)
    assert (told["causes"], told["findings"]) == (causes, findings)


def test_the_play_asks_for_the_findings_of_a_module_that_is_not_loaded(tmp_path: Path) -> None:
    options = b"vfio_iommu_type1.allow_unsafe_interrupts=1 vfio.enable_unsafe_noiommu_mode=1"
    host = x86_host(2, override=None, cmdline=options)
    (config,) = [path for path in host if path.startswith("/boot/config-")]
    content = host[config]
    assert isinstance(content, bytes)
    host[config] = content.replace(b"# CONFIG_VFIO_NOIOMMU is not set", b"CONFIG_VFIO_NOIOMMU=y")
    told = judged(tmp_path, str(write(tmp_path / "host", host)))
    assert told["outcome"] == "allowed"
    assert True not in told["overrides"].values()
    (play,) = yaml.safe_load(PLAY.read_text())
    conditions = [task["ansible.builtin.assert"]["that"] for task in play["tasks"] if
                  "ansible.builtin.assert" in task]  # fmt: skip
    asked = set(re.findall(r"'(\w+)' not in ansible_local[.]vfioguard[.]findings", str(conditions)))
    assert asked == {"unsafe_override", "noiommu_mode"}
    assert asked <= set(told["findings"])


def test_a_word_that_is_not_known_is_not_passed_over(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vfioguard", "report", "--json", "--root", ALLOWED]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (tmp_path / "report").write_text(report.replace('"outcome":"allowed"', '"outcome":"worse"', 1))
    told = fact(tmp_path, f"cat {tmp_path}/report")
    assert told["error"] == "vfioguard printed another report than expected: ValueError('worse')"
    assert (told["outcome"], told["attach"]) == ("unknown", "unknown")


def test_each_device_has_its_own_answer(tmp_path: Path) -> None:
    told = judged(tmp_path, MIXED)
    assert told["devices"]["0000:01:00.0"] == {
        "group": 15, "outcome": "allowed", "attach": "yes", "cause": None,
    }  # fmt: skip
    assert told["devices"]["QEMU0002:00"] == {
        "group": 0, "outcome": "refused", "attach": "no", "cause": "member_without_msi_domain",
    }  # fmt: skip
    assert "0000:00:11.0" not in told["devices"], "a bridge, which nobody can attach"
    assert (sum(told["groups"].values()), sum(told["attachable"].values())) == (17, 17)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'vfioguard: /sys: EIO' >&2; exit 3", "ended with 3: vfioguard: /sys: EIO"),
        ("exit 127", "ended with 127: nothing"),
        ("kill -9 $$", "ended with -9: nothing"),
        ("echo '{'", "printed another report than expected: JSONDecodeError"),
        ("echo '[]'", "printed another report than expected: TypeError"),
        ("echo '{}'", "printed another report than expected: KeyError"),
    ],
)
def test_a_host_that_cannot_be_judged_is_unknown_and_says_why(
    tmp_path: Path, script: str, why: str
) -> None:
    told = fact(tmp_path, script)
    assert why in told.pop("error")
    assert told == {"outcome": "unknown", "attach": "unknown", "devices": {}}
