"""Writes the tables of causes and findings in the runbook from their leaves: `make documents`.

usage: python -m release.runbook FILE

A table stands between `<!-- causes on x86 -->` and `<!-- end -->`; the rest of the page is written
by hand. A row is the first paragraph of a leaf's docstring, and its last, which begins "Change".
What stands before its colon says which table the row is in.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vfioguard import leaves
from vfioguard.blocker import Kind

_TABLE = re.compile(r"(<!-- ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: What a table is called -> the package of its leaves, and how their last paragraph begins.
TABLES = {
    "causes on x86": ("vfioguard.cause", "Change on x86"),
    "causes on Arm and others": ("vfioguard.cause", "Change on Arm and others"),
    "causes of a missing group": ("vfioguard.cause", "Change for a missing group"),
    "causes on every architecture": ("vfioguard.cause", "Change on every architecture"),
    "blockers": ("vfioguard.blocker", "Change"),
    "findings": ("vfioguard.finding", "Change"),
}


def page(text: str) -> str:
    """The page `text` with fresh tables. Raises KeyError for a table that is not among TABLES."""
    return _TABLE.sub(lambda found: f"{found[1]}{_table(found[2])}\n{found[3]}", text)


def row(package: str, leaf: str) -> tuple[str, str, str]:
    """How the last paragraph of a leaf begins, what the leaf means, and what to change.

    Raises ValueError for a leaf that does not say what to change.
    """
    text = inspect.getdoc(leaves.module(f"{package}.{leaf}")) or ""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    where, colon, change = paragraphs[-1].partition(": ")
    if not colon or not where.startswith("Change"):
        message = f"the docstring of {package}.{leaf} does not end with `Change: what to do`"
        raise ValueError(message)
    return where, _clause(paragraphs[0]), _clause(change).replace("(runbook.md#", "(#")


def _clause(sentence: str) -> str:
    return sentence.rstrip(".").replace("|", "\\|")


def _table(name: str) -> str:
    package, begins = TABLES[name]
    first = "finding" if name == "findings" else "cause"
    return "\n".join(
        [
            f"\n| {first} | meaning | change |\n|---|---|---|",
            *_rows(package, begins),
            "",
        ]
    )


def _rows(package: str, begins: str) -> Iterator[str]:
    for leaf in _ordered(package):
        where, meaning, change = row(package, leaf)
        if where == begins:
            yield f"| [`{leaf}`](causes.md#{leaf}) | {meaning} | {change} |"


def _ordered(package: str) -> list[str]:
    """The leaves by name; of blockers those that hold for good on this boot first."""
    names = list(leaves.names(package))
    if package == "vfioguard.blocker":
        names.sort(key=lambda name: not leaves.load(package, name, "BLOCKER", Kind).lasting)
    return names


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text()))
