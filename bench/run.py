"""Measure vfioguard against a C program, lspci and a bare interpreter: `python bench/run.py`.

Makes synthetic hosts (hosts.py) of several sizes, then goes round them, each command once a round,
and prints medians as a Markdown table. The running host is imitated in a mount namespace of its own
(root only): the tree's sys over /sys, its proc files over those of /proc, its boot over /boot. The
largest size needs about 6 GB of memory. The exit status tells whether all ran, never how fast.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import hosts
import table
from namespace import in_namespace, namespaces_work
from once import HERE, Plan

SIZES = (64, 1024, 4096, 16384)
_TARGET = "0000:01:00.1"  # the first virtual function of every tree
_START_GROUPS = 64  # start-up is measured on a small host
_START_PAIRS = 3  # of each round


def compiled_floor(directory: str) -> str:
    """The C program, compiled as `cc -O2`."""
    floor = f"{directory}/floor"
    subprocess.run(["cc", "-O2", "-o", floor, f"{HERE}/floor.c"], check=True)
    return floor


def environment() -> dict[str, str]:
    """This checkout, with bytecode kept: without it imports cost several times more."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {"PYTHONPATH": os.path.dirname(HERE), "LC_ALL": "C"}


def vfioguard() -> list[str]:
    """The console script beside this interpreter, else what it would do."""
    script = os.path.join(os.path.dirname(sys.executable), "vfioguard")
    if os.access(script, os.X_OK):
        return [script]
    return [sys.executable, "-c", "import sys; from vfioguard.cli import main; sys.exit(main())"]


def once(plan: Plan) -> dict[str, Any]:
    """One round over one tree."""
    command = [sys.executable, f"{HERE}/once.py", json.dumps(plan._asdict())]
    if "host" in plan.forms:
        command = in_namespace(plan.tree, command)
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(plans: dict[int, Plan], rounds: int) -> table.Results:
    """Go round all sizes `rounds` times; the first, uncounted one warms caches and bytecode."""
    costs: table.Costs = {size: [] for size in plans}
    for number in range(rounds + 1):
        for size, plan in plans.items():
            _say(f"round {number} of {rounds}: {size} groups")
            result = once(plan)
            if number:
                costs[size].append(result)
    calls: table.Calls = {}
    if shutil.which("strace"):
        for size, plan in plans.items():
            _say(f"system calls: {size} groups")
            calls[size] = once(plan._replace(calls=True))
    forms = next(iter(plans.values())).forms
    return table.Results(costs, calls, forms)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure vfioguard; print a Markdown table.")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="GROUPS")
    parser.add_argument("--rounds", type=int, default=7, help="at least 5 (default 7)")
    parser.add_argument("--dir", default="/dev/shm", help="where trees are made, on tmpfs")
    parser.add_argument("--json", metavar="FILE", help="keep the numbers of each round as well")
    options = parser.parse_args()
    if options.rounds < 5 or min(options.sizes) < 3:
        parser.error("at least 5 rounds, and 3 groups")
    return options


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Make trees, measure, print."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir=options.dir) as directory:
        floor = compiled_floor(directory)
        trees = {size: f"{directory}/{size}" for size in sorted(set(options.sizes))}
        for size, tree in trees.items():
            _say(f"making a host of {size} groups")
            hosts.make(Path(tree), size)
        running = namespaces_work(next(iter(trees.values())))
        forms = ["host", "tree"] if running else ["tree"]
        lspci = shutil.which("lspci") is not None
        plans = {
            size: Plan(
                tree, size, forms, floor, vfioguard(), _TARGET, lspci,
                _START_PAIRS if size == _START_GROUPS else 0, calls=False,
            )
            for size, tree in trees.items()
        }  # fmt: skip
        results = measure(plans, options.rounds)
    if options.json:
        Path(options.json).write_text(json.dumps(results._asdict()) + "\n")
    print(table.render(results, script=len(vfioguard()) == 1))


if __name__ == "__main__":
    main()
