"""Just enough of man(7): headings, paragraphs, tagged paragraphs and listings."""

from __future__ import annotations

import re
from collections.abc import Iterable


def page(name: str, section: int, date: str, source: str, manual: str) -> str:
    """The title line. Everything else of a page follows it."""
    words = (name.upper(), str(section), date, source, manual)
    return ".TH " + " ".join(f'"{escape(word)}"' for word in words) + "\n.nh\n.ad l\n"


def heading(text: str) -> str:
    """A section."""
    return f".SH {escape(text.upper())}\n"


def subheading(text: str) -> str:
    """A subsection."""
    return f".SS {escape(text)}\n"


def paragraphs(text: str) -> str:
    """Paragraphs apart by blank lines, in which `backquotes` mark what is typed."""
    return "".join(f".PP\n{inline(part)}\n" for part in text.strip().split("\n\n"))


def tagged(tag: str, text: str) -> str:
    """An item with its explanation; `tag` is roff, `text` as for `paragraphs`."""
    first, *rest = text.strip().split("\n\n")
    more = "".join(f".IP\n{inline(part)}\n" for part in rest)
    return f".TP\n{tag}\n{inline(first)}\n{more}"


def listing(lines: Iterable[str]) -> str:
    """Lines as they are."""
    return ".PP\n.in +4n\n.nf\n" + "".join(f"{_safe(escape(x))}\n" for x in lines) + ".fi\n.in\n"


def inline(text: str) -> str:
    """Words that may be filled, with what stands in `backquotes` bold."""
    parts = re.split("`([^`]*)`", " ".join(text.split()))
    return _safe("".join(bold(p) if n % 2 else escape(p) for n, p in enumerate(parts)))


def bold(text: str) -> str:
    """As it is typed."""
    return rf"\fB{escape(text)}\fR"


def italic(text: str) -> str:
    """To be replaced by something else."""
    return rf"\fI{escape(text)}\fR"


def escape(text: str) -> str:
    """As it stands: a hyphen that can be copied, and no escapes."""
    return text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq").replace("~", r"\(ti")


def _safe(line: str) -> str:
    r"""A line that is no request, though it begin with a dot or an apostrophe."""
    return rf"\&{line}" if line.startswith((".", "'")) else line
