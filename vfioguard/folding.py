"""Texts that differ only in ids become one: the words that they share, and a range or a count.

An id is any word with a digit in it: an address, a requester id, an irq number, the name of a unit,
the path of a node. Versions of the kernel are none. What turns out to be the same in all texts is
shown as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

from vfioguard.typed import NamedTuple

#: What may stand around an id.
_BEFORE, _AFTER = "(\"'", "),.:;\"'"
_OWN, _ID = "\0own", "\0id"
#: Names that are shown within a sentence; the others are counted.
_FEW = 3


class Folded(NamedTuple):
    """A text in pieces. Texts with an equal `key` can be joined; `ids` are what was left out."""

    key: Hashable
    words: tuple[str, ...]
    ids: tuple[str, ...]


class Own(NamedTuple):
    """The names of a text's subject, which is told as "a device"; make it by `own`."""

    names: Collection[str]
    with_blanks: tuple[str, ...]


def own(names: Iterable[str]) -> Own:
    """The names of one subject, made once for all texts about it."""
    kept = frozenset(names)
    return Own(kept, tuple(name for name in kept if " " in name))


_NOBODY = Own((), ())


def fold(text: str, subject: Own = _NOBODY) -> Folded:
    """Take the ids out of a text, and the names of its subject."""
    for name in subject.with_blanks:  # all others are a word
        text = text.replace(name, _OWN)
    words: list[str] = []
    ids: list[str] = []
    for word in text.split(" "):
        core = word.lstrip(_BEFORE).rstrip(_AFTER)
        mark = _OWN if core in subject.names or core == _OWN else _ID if _is_id(core) else None
        if mark is None:
            words.append(word)
            continue
        begin = word.index(core)
        words.append(f"{word[:begin]}{mark}{word[begin + len(core) :]}")
        if mark is _ID:
            ids.append(core)
    return Folded(tuple(words), tuple(words), tuple(ids))


def join(alike: Sequence[Folded]) -> str:
    """One text for all of these, which have an equal key; at least one."""
    columns = zip(*(folded.ids for folded in alike), strict=True)
    shown = iter([_one_of(list(dict.fromkeys(column))) for column in columns])
    words = (
        word.replace(_ID, next(shown)) if _ID in word else word.replace(_OWN, "a device")
        for word in alike[0].words
    )
    return " ".join(words)


def _is_id(word: str) -> bool:
    version = word[:1] == "v" and word[1:2].isdigit()
    return not version and not word.isalpha() and any(map(str.isdigit, word))


def _one_of(values: list[str]) -> str:
    """What stands for all of these, which are distinct: itself, a range, or a count."""
    if len(values) == 1:
        return values[0]
    stems = {value.rstrip("0123456789") for value in values}
    hexadecimal = all(value.startswith("0x") and _is_hex(value[2:]) for value in values)
    if len(stems) > 1 and not hexadecimal:
        return f"{values[0]} and {len(values) - 1} more"
    values = sorted(values, key=lambda value: (len(value), value))  # numbers of any length
    return f"{values[0]} to {values[-1]}"


def _is_hex(digits: str) -> bool:
    return bool(digits) and set(digits) <= set("0123456789abcdef")


def rows(texts: Iterable[str]) -> list[str]:
    """The texts without ids of their own, each wording once, in the order of its first text."""
    alike: dict[Hashable, list[Folded]] = {}
    for folded in map(fold, texts):
        alike.setdefault(folded.key, []).append(folded)
    return [join(texts) for texts in alike.values()]


def and_more(devices: Iterable[str | None]) -> str:
    """What follows a claim about one device that others share: their number and first names."""
    text = counted(devices, "more")
    return f" (and {text})" if text else ""


def counted(devices: Iterable[str | None], what: str = "devices") -> str:
    """How many devices there are, and the names of the first: "2 devices: a, b". "" for none."""
    names = [name for name in dict.fromkeys(devices) if name]
    few = names[:_FEW]
    more = " ..." if names != few else ""
    return f"{len(names)} {what}: {', '.join(few)}{more}" if names else ""
