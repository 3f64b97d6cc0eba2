"""The sentences of a Markdown document, and what is wrong with them by rules that can be counted.

Prose is what stands in paragraphs and list items. Code blocks, tables, headings and quoted command
output are left out; an inline code span or a link's text counts as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Words. A sentence of this length still reads at once; docs/README.md's writers aim at 25.
LIMIT = 30

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`+[^`]*`+")
#: A sentence ends with a mark and what closes it, before a space.
_END = re.compile(r"(?<=[.!?])[)\"'*_]*\s+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|No)\.$")

#: What to say instead is in the name.
BANNED = {
    "write 'Returns None if'": re.compile(r"[;:] None: "),
    "name the person or the client that asks": re.compile(r"\bwho(?:ever)? asks\b", re.IGNORECASE),
    "begin with a noun, not with 'who'": re.compile(r"^(?:[*_]*)Who\b(?!.*\?[*_]*$)"),
    "give 'who' a noun": re.compile(r"\b(?:of|to|for|by|as|from|with|than|and|but) who\b"),
    "begin with the subject, not with 'of'": re.compile(r"^Of\b"),
    "write 'is not a'": re.compile(r"(?<!here )\b(?:is|are|was|were) no\b(?! (?:longer|more)\b)"),
    "begin with the subject, not with a participle": re.compile(
        r"^(?:\w+ed|\w+en|Kept|Read|Left out|Made|Said) (?:is|are|was|were)\b"
    ),
    "give 'what' a noun": re.compile(r"\bwhat is (?:read|asked|known|said|made) of\b"),
    "write 'does not have'": re.compile(r"\bthe host has not\b"),
}


def paragraphs(text: str) -> Iterator[str]:
    """Each paragraph or list item as one line, without its marker."""
    lines: list[str] = []
    for line in [*_FENCE.sub("\n", text).splitlines(), ""]:
        skipped = line.startswith(("|", "#", "    ", "\t", "<!--"))
        if (not line.strip() or skipped or _ITEM.match(line)) and lines:
            yield " ".join(lines)
            lines = []
        if line.strip() and not skipped:
            lines.append(_ITEM.sub("", line).strip())


def sentences(text: str) -> Iterator[str]:
    """Each sentence of the prose; a colon or a semicolon does not end one."""
    for paragraph in paragraphs(text):
        plain = _LINK.sub(r"\1", paragraph)
        held = ""
        for part in _END.split(_hidden(plain)):
            held = f"{held} {part}".strip()
            if not _ABBREVIATION.search(held):
                yield held
                held = ""
        if held:
            yield held


def _hidden(text: str) -> str:
    """With the marks inside code spans taken out, as they end nothing."""
    return _CODE.sub(lambda found: re.sub(r"[.!?](?=\s)", "", found[0]), text)


def words(sentence: str) -> int:
    """Whatever stands between spaces and has a letter or a digit."""
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def faults(text: str, limit: int = LIMIT) -> list[str]:
    """A line for each sentence that breaks a rule."""
    found = []
    for sentence in sentences(text):
        if words(sentence) > limit:
            found.append(f"{words(sentence)} words: {sentence}")
        plain = _CODE.sub("`x`", sentence)
        found += [f"{rule}: {sentence}" for rule, form in BANNED.items() if form.search(plain)]
    return found
