"""Makes a page for each policy from its leaf in vfioguard/policy/: `make documents`.

usage: python -m release.policies DIRECTORY

A page has the fields of `POLICY`, the leaf's docstring, and what an answer of it claims about a
recorded host. Citations of docs/policy.md become links to its sections.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from vfioguard import leaves
from vfioguard.inference.host import Host
from vfioguard.policy import Policy
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root

REPOSITORY = Path(__file__).parent.parent
#: The host that `make report` judges where there is no IOMMU.
_EXAMPLE = "tests/fixtures/sysfs/6.12-amd64--vtd-ir-andd/as-booted.tar.xz"
_PACKAGE = "vfioguard.policy"
_SECTION = re.compile(r"^#+ (\d+(?:\.\d+)*)\.? (.+)$", re.MULTILINE)
_CITATION = re.compile(r"policy\.md ((?:\d+(?:\.\d+)*(?:, | and )?)+)")
_WIDTH = 100


def pages() -> dict[str, str]:
    """File name -> page, for every policy."""
    host = Host(take(open_root(str(REPOSITORY / _EXAMPLE))))
    return {f"{leaf}.md": _page(leaf, host) for leaf in leaves.names(_PACKAGE)}


def _page(leaf: str, host: Host) -> str:
    policy = leaves.load(_PACKAGE, leaf, "POLICY", Policy)
    lead, _, rest = (inspect.getdoc(leaves.module(f"{_PACKAGE}.{leaf}")) or "").partition("\n\n")
    return "\n".join([
        f"# {policy.name}\n",
        f"{lead}\n",
        *_table(policy, host),
        "",
        *(f"{_filled(_linked(part))}\n" for part in rest.split("\n\n")),
        "## Judge by it\n",
        "```sh",
        f"vfioguard report --policy {policy.name}",
        f"vfioguard explain group:12 --policy {policy.name}",
        "```\n",
        "## Read on\n",
        *_sections(rest),
        f"- `{_PACKAGE.replace('.', '/')}/{leaf}.py` is the code.",
        "",
    ])  # fmt: skip


def _table(policy: Policy, host: Host) -> Iterator[str]:
    members = host.snapshot.members[0]
    yield "| | |"
    yield "|---|---|"
    yield f"| kernels | {policy.kernels} |"
    yield f"| decides for | {policy.backend or 'no backend'} |"
    yield f"| tests | {policy.summary} |"
    yield f"| source | {policy.source} |"
    yield f"| says of a group | {policy.isolated(host)(members).claim} |"
    yield f"| in force if | {policy.carried(host).claim} |"


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _linked(text: str) -> str:
    """With each section that is cited as a link."""
    anchors = dict(headings())
    joined = " ".join(text.split())
    return _CITATION.sub(
        lambda cited: (
            "policy.md "
            + re.sub(
                r"\d+(?:\.\d+)*",
                lambda number: f"[{number[0]}](../policy.md#{_anchor(number[0], anchors)})",
                cited[1],
            )
        ),
        joined,
    )


def headings() -> Iterator[tuple[str, str]]:
    """Section number -> title, of docs/policy.md."""
    for found in _SECTION.finditer((REPOSITORY / "docs" / "policy.md").read_text()):
        yield found[1], found[2]


def _anchor(number: str, titles: dict[str, str]) -> str:
    """Of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", f"{number} {titles[number]}".lower()).replace(" ", "-")


def _sections(text: str) -> Iterator[str]:
    titles = dict(headings())
    cited = [
        number
        for found in _CITATION.findall(" ".join(text.split()))
        for number in re.findall(r"\d+(?:\.\d+)*", found)
    ]
    for number in sorted(set(cited)):
        link = f"../policy.md#{_anchor(number, titles)}"
        yield f"- [policy.md {number}: {titles[number]}]({link})"


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.md"):
        old.unlink()
    for name, page in pages().items():
        (directory / name).write_text(page)
