"""Makes the page of all causes and findings from their leaves: `make documents`.

usage: python -m release.causes FILE

An entry has the leaf's docstring. A cause that a recorded host shows has the kernel's rule and what
`explain` says on that host, too. Sentences and steps differ from host to host.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from vfioguard import leaves
from vfioguard.blocker import Kind
from vfioguard.finding import Finding
from vfioguard.inference.host import Host
from vfioguard.judging.causes import causes_of, causes_of_ungrouped
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root.opening import open_root

REPOSITORY = Path(__file__).parent.parent
_FIXTURES = REPOSITORY / "tests" / "fixtures"
_WIDTH = 100
#: How the last step of a refused group begins (cause/override/). No cause is cured by it.
_HEAD = """# Causes and findings

This page is made from the code. An entry has an anchor of its own: `causes.md#intremap_off`.
[The runbook](runbook.md#causes-on-x86) has all of them in tables. `vfioguard explain
group:12` says which of them hold on a host, and what to change there.
"""
_PARTS = (
    ("vfioguard.cause", "Causes", "Why the interrupts of a group refuse it, or there is no group."),
    ("vfioguard.blocker", "Blockers", "What else refuses an attach. No override changes that."),
    ("vfioguard.finding", "Findings", "What a person should look at, beside the groups."),
)


def page() -> str:
    """The whole page."""
    shown = dict(_examples())
    lines = [_HEAD]
    for package, title, lead in _PARTS:
        lines += [f"## {title}\n", f"{lead}\n"]
        for leaf in leaves.names(package):
            lines += [*_entry(package, leaf), *_example(shown.get(leaf))]
    return "\n".join(lines)


def _entry(package: str, leaf: str) -> Iterator[str]:
    yield f"### {leaf}\n"
    if package == "vfioguard.finding":
        yield f"Severity: {leaves.load(package, leaf, 'FINDING', Finding).severity}.\n"
    text = inspect.getdoc(leaves.module(f"{package}.{leaf}")) or ""
    for paragraph in text.split("\n\n"):
        yield f"{_filled(paragraph)}\n"
    if package == "vfioguard.blocker":
        yield _rule(leaves.load(package, leaf, "BLOCKER", Kind).rule)


def _example(shown: tuple[str, CauseReport] | None) -> Iterator[str]:
    """What a recorded host says, if one shows the cause."""
    if shown is None:
        return
    where, cause = shown
    if cause.name not in leaves.names("vfioguard.blocker"):
        yield _rule(cause.rule)
    yield f"{_filled(f'On the recorded host {where}: {cause.sentence}')}\n"
    for number, step in enumerate(cause.change, 1):
        where = f" `{step.where}`" if step.where and step.where not in step.do else ""
        yield _filled(f"{number}. {step.do.rstrip('.')}.{where}", indent="   ")
    if cause.change:
        yield ""


def _rule(rule: str) -> str:
    return f"{_filled(f'The rule: {rule}.')}\n"


def _filled(paragraph: str, indent: str = "") -> str:
    return textwrap.fill(
        " ".join(paragraph.split()),
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _examples() -> Iterator[tuple[str, tuple[str, CauseReport]]]:
    """(name, (host, cause)) of each cause, as the first host by name shows it."""
    roots = [*_FIXTURES.glob("sysfs/*/*.tar.xz"), *_FIXTURES.glob("field/*/root.tar.xz")]
    known: set[str] = set()
    for root in sorted(roots):
        judged = judge(take(open_root(str(root))), "now", findings=False)
        for cause in _causes(judged):
            if cause.name not in known:
                known.add(cause.name)
                yield cause.name, (root.parent.name, cause)


def _causes(judged: Judged) -> Iterator[CauseReport]:
    host, report = Host(judged.snapshot), judged.report
    yield from causes_of(host, None, None) if not report.groups else ()
    for function in report.ungrouped:
        yield from causes_of_ungrouped(host, function)
    for group in report.groups:
        members = judged.snapshot.group(group.id)
        yield from causes_of(host, group, members)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
