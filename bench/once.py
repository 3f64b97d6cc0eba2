"""One round over one tree, for run.py: each command once, its cost as JSON on stdout.

argv[1] is a `Plan` as JSON. As a process of its own it can stand in a mount namespace where the
tree is the running host. CPU seconds are user and system time of one child, by wait4(2).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
#: The report as JSON, with proofs and without.
JSON = ("json", "brief")
#: These may answer no: these hosts have no character devices for iommufd.
_ASKING = ("check", "explain")
#: The commands whose system calls are counted.
_COUNTED = ("floor", "attach floor", "drive", "check")
_ANSWERS = 0, 2
_STRACE = ["strace", "-f", "-c", "-o"]


class Plan(NamedTuple):
    """`forms`: "host" (the tree is mounted over /), "tree" (`--root TREE`). `pairs`: start-ups."""

    tree: str
    groups: int
    forms: list[str]
    floor: str
    vfioguard: list[str]
    target: str
    lspci: bool
    pairs: int
    calls: bool


def cpu(
    command: list[str], *, keep: bool = False, answers: tuple[int, ...] = (0,)
) -> tuple[float, bytes]:
    """CPU seconds of a command that must end so, and its output if it is kept."""
    out = subprocess.PIPE if keep else subprocess.DEVNULL
    child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    text = child.stdout.read() if child.stdout else b""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.stdout:
        child.stdout.close()
    if child.returncode not in answers:
        raise SystemExit(f"exit status {child.returncode}: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, text


def commands(plan: Plan, form: str) -> dict[str, list[str]]:
    """What is compared over one form of the tree."""
    root = "/" if form == "host" else plan.tree
    sys_ = "/sys" if form == "host" else f"{plan.tree}/sys"
    found = {
        "floor": [plan.floor, sys_],
        "attach floor": [plan.floor, sys_, "attach"],
        "drive": [sys.executable, f"{HERE}/drive.py", root],
        "check": [*plan.vfioguard, "check", "--root", root, plan.target],
        "json": [*plan.vfioguard, "report", "--root", root, "--output", "json"],
        "brief": [*plan.vfioguard, "report", "--root", root, "--output", "json", "--proof", "none"],
        "explain": [*plan.vfioguard, "explain", "--root", root, plan.target],
    }
    if plan.lspci:
        options = [] if form == "host" else ["-O", f"sysfs.path={sys_}/bus/pci"]
        found["lspci"] = ["lspci", "-A", "linux-sysfs", *options, "-nnk"]
    return found


def _costs(plan: Plan, form: str) -> dict[str, float]:
    costs: dict[str, float] = {}
    for name, command in commands(plan, form).items():
        costs[name], text = cpu(
            command, keep=name in {"drive", *JSON}, answers=_ANSWERS if name in _ASKING else (0,)
        )
        if name in JSON:
            costs[f"{name} size"] = len(text)
        if name == "drive":
            inside: dict[str, float] = json.loads(text)
            if not inside["groups"] == inside["allowed"] == plan.groups:
                raise SystemExit(f"{form}: not {plan.groups} allowed groups: {inside}")
            costs |= inside
    return costs


def _starts(plan: Plan) -> list[dict[str, float]]:
    """Start-ups, alternating with a bare interpreter."""
    check = commands(plan, plan.forms[0])["check"]
    return [
        {
            "bare": cpu([sys.executable, "-c", "pass"])[0],
            "version": cpu([*plan.vfioguard, "--version"])[0],
            "check": cpu(check, answers=_ANSWERS)[0],
        }
        for _ in range(plan.pairs)
    ]


def _calls(command: list[str]) -> dict[str, int]:
    """System call -> how often, by strace -c."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        cpu([*_STRACE, log.name, *command], answers=_ANSWERS)
        rows = [line.split() for line in log]
    return {
        row[-1]: int(row[3])
        for row in rows
        if len(row) > 4 and row[3].isdecimal() and row[-1] != "total"
    }


def main() -> None:
    """Run the plan."""
    plan = Plan(**json.loads(sys.argv[1]))
    result: dict[str, Any] = {}
    for form in plan.forms:
        if plan.calls:
            found = commands(plan, form)
            result[form] = {name: _calls(found[name]) for name in _COUNTED}
        else:
            result[form] = _costs(plan, form)
    if plan.pairs and not plan.calls:
        result["starts"] = _starts(plan)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
