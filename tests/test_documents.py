"""What the documents show is what happens, every document is found, and its sentences are short."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import prose
from vfioguard.cli import parser

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "contrib/**/*.md")
    for path in REPOSITORY.glob(pattern)
)
_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^(?:\$ )?(?:sudo )?(?:\S*/bin/)?vfioguard (.*)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text()


def commands(text: str) -> Iterator[list[str]]:
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line):
                yield shlex.split(found[1], comments=True)


def anchors(text: str) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_shows_what_make_report_prints_without_an_iommu() -> None:
    example = re.search(r"^EXAMPLE = (\S+)$", text_of("Makefile"), re.MULTILINE)
    shown = re.search(
        r"^\$ vfioguard report\n(.*?)^```$", text_of("README.md"), re.DOTALL | re.MULTILINE
    )
    assert example is not None
    assert shown is not None
    command = [sys.executable, "-m", "vfioguard", "report", "--root", example[1]]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.stdout.replace(f" --root {example[1]}", "") == shown[1]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_is_one_that_the_parser_takes(document: str) -> None:
    for command in commands(text_of(document)):
        parser.parse(command)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading(document: str) -> None:
    for link in _LINK.findall(text_of(document)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def test_there_are_commands_to_look_at() -> None:
    assert sum(1 for document in DOCUMENTS for _ in commands(text_of(document))) > 30


_SECTION = r"(?:\d+(?:\.\d+)*|[XA]\d+)\b"
_CITATION = re.compile(rf"policy\.md ({_SECTION}(?:(?:, | and | to ){_SECTION})*)")
#: What a citation may stand in: whatever git keeps but the recorded hosts.
CITING = [
    path
    for room in ("vfioguard", "tests", "docs", "contrib", "bench", "release")
    for pattern in ("*.py", "*.md")
    for path in sorted((REPOSITORY / room).rglob(pattern))
]


def sections(text: str) -> set[str]:
    """The numbers of the headings, and the names of the rules in the tables (X1, A3)."""
    return {
        *re.findall(r"^#+ (\d+(?:\.\d+)*)\.? ", text, re.MULTILINE),
        *re.findall(r"^\| ([XA]\d+) \|", text, re.MULTILINE),
    }


def cited(text: str) -> set[str]:
    """The sections of docs/policy.md that a text cites, wherever its lines break."""
    joined = re.sub(r"\s*\n[ #>]*", " ", text)
    return {
        section for found in _CITATION.findall(joined) for section in re.findall(_SECTION, found)
    }


def test_every_cited_section_of_the_policy_exists() -> None:
    there = sections(text_of("docs/policy.md"))
    missing = {
        (path.relative_to(REPOSITORY).as_posix(), section)
        for path in CITING
        for section in cited(path.read_text()) - there
    }
    assert not missing


def test_a_citation_is_found_wherever_its_line_breaks() -> None:
    assert cited("see policy.md 4.1, X2 and 10.3,\n# or policy.md\n# 3.6).") == {
        "4.1", "X2", "10.3", "3.6",
    }  # fmt: skip


def test_no_file_cites_a_document_that_is_not_here() -> None:
    outside = re.compile(r"\b(?:POLICY \d|INTERFACES|HOUSE\.md|DESIGN\.md)")
    assert [
        path.relative_to(REPOSITORY).as_posix()
        for path in CITING
        if path != Path(__file__) and outside.search(path.read_text())
    ] == []


INDEX = "docs/README.md"


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.startswith("docs/")])
def test_every_document_has_a_line_in_the_index(document: str) -> None:
    link = document.removeprefix("docs/")
    lines = re.findall(rf"^- \[[^\]]+\]\({re.escape(link)}\): \S", text_of(INDEX), re.MULTILINE)
    assert document == INDEX or len(lines) == 1


def test_the_readme_leads_to_the_index() -> None:
    assert f"({INDEX})" in text_of("README.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_sentences_of_a_document_are_short_and_plain(document: str) -> None:
    assert prose.faults(text_of(document)) == []


def test_prose_is_what_stands_in_paragraphs_and_items() -> None:
    text = """# A heading. With two.

One `a. b` sentence, e.g. this
on two lines. **Another** [one](http://a.b/c. d)?

```sh
no prose. here.
```

| no. | table. |

1. An item.
   It goes on.
- v6.3 and later: one; and no second.
    indented code. block.
"""
    assert list(prose.sentences(text)) == [
        "One `a b` sentence, e.g. this on two lines.",
        "**Another** one?",
        "An item.",
        "It goes on.",
        "v6.3 and later: one; and no second.",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "word " * prose.LIMIT + "too many.",
        "The groups of it; None: of one it is not known.",
        "The body says so to who asks.",
        "Who is over the time is cut off.",
        "Of two with the same type the text wins.",
        "The region is no evidence.",
        "Compressed are only bodies that are kept.",
        "It tells what is read of the host.",
        "A table which the host has not.",
    ],
)
def test_a_sentence_that_must_be_decoded_is_a_fault(sentence: str) -> None:
    assert len(prose.faults(sentence)) == 1 or "who asks" in sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "word " * (prose.LIMIT - 1) + "enough.",
        "There is no group.",
        "The administrator who disabled it.",
        "Who reads this?",
        "`None: x` is a type.",
    ],
)
def test_a_plain_sentence_is_no_fault(sentence: str) -> None:
    assert prose.faults(sentence) == []


#: What compares a release with one that nobody had.
_COMPARISON = re.compile(
    r"\b(?:no longer|any ?more|used to|than before|instead of \d|it took|fixed|is \d+ s now)\b"
)


def test_the_first_release_is_compared_with_nothing() -> None:
    first = text_of("CHANGELOG.md").split("\n## ")[-1]
    assert [line for line in first.splitlines() if _COMPARISON.search(line)] == []
