"""How much each kind of evidence carries: docs/evidence.md, held against the recorded hosts.

python -m tests.test_evidence        prints the table
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lab import judge
from tests import test_agreement as truth
from tests.support.hiding import Hiding
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root

DOCUMENT = Path(__file__).parent.parent / "docs" / "evidence.md"
HOSTS = sorted(host.name for host in truth.HOSTS.iterdir())


def without_interrupts(host: str) -> Counter[str]:
    """What becomes of the verdicts when nothing shows the interrupts: equal, unknown or wrong."""
    counts: Counter[str] = Counter()
    kernel = truth.truth_of(host)
    for state in truth.states(host):
        root = Hiding(open_root(str(truth.HOSTS / host / f"{state}.tar.xz")))
        groups = {group.id: group for group in evaluate(take(root), "now").groups}
        for group in kernel["groups"]:
            ours = groups.get(group["group"])
            for backend, verdict in ours.backends if ours else ():
                said = judge.needs_override(group, backend, kernel["release"])
                if said is None or verdict is None:
                    continue
                answer = verdict.needs_override
                counts["equal" if answer is said else "unknown" if answer is None else "wrong"] += 1
    return counts


def with_everything(host: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for state in truth.states(host):
        for _, _, said, ours in truth.judged(host, state):
            counts["equal" if ours is said else "unknown" if ours is None else "wrong"] += 1
    return counts


def table() -> list[str]:
    rows = ["| boot | verdicts | equal | equal without interrupts | unknown without |"]
    rows.append("|---|---|---|---|---|")
    total: Counter[str] = Counter()
    for host in HOSTS:
        full, bare = with_everything(host), without_interrupts(host)
        count = full.total()
        if count:
            rows.append(
                f"| {host} | {count} | {full['equal']} | {bare['equal']} | {bare['unknown']} |"
            )
            total.update(count=count, full=full["equal"], bare=bare["equal"])
            total.update(unknown=bare["unknown"])
    rows.append(
        f"| **all** | {total['count']} | {total['full']} | {total['bare']} | {total['unknown']} |"
    )
    return rows


@pytest.mark.parametrize("host", HOSTS)
def test_without_any_interrupt_no_verdict_is_wrong(host: str) -> None:
    assert without_interrupts(host)["wrong"] == 0


def test_the_document_shows_what_the_hosts_say() -> None:
    lines = DOCUMENT.read_text().splitlines()
    assert [line for line in lines if line.startswith("|")][-len(table()) :] == table()


if __name__ == "__main__":
    print("\n".join(table()))
