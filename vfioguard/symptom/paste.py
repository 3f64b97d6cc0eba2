"""A pasted text, line by line: what each line says, and which groups and devices it names."""

from __future__ import annotations

import re
from functools import cache

from vfioguard.fact import printable
from vfioguard.symptom import Call, Message, Whose, every_message, words, wrapped
from vfioguard.symptom.words import Names
from vfioguard.typed import NamedTuple

#: Characters of a text, its lines, and lines that say something, that are read.
MOST_CHARACTERS = 16 << 20
MOST_LINES = 100_000
MOST_TOLD = 10_000
#: Characters of a line that are read.
_LINE = 16_384
#: Characters of a line that are kept to be shown.
_SHOWN = 400
#: Groups or devices that are kept of a text.
_NAMED = 256

#: Colours of journalctl and dmesg (ECMA-48, CSI sequences).
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: Whatever does not show as text: control characters, halves of characters, marks of direction.
_NO_TEXT = re.compile(r"[^\x20-\x7e\xa0-\u1fff\u2070-\ud7ff\ue000-\ufefe\uff00-\uffef]+")
#: QEMU's line after a mapping that failed: only one device's memory was kept from another's.
_P2P = "peer-to-peer transactions on bars"
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


class Understood(NamedTuple):
    """What a line says. At least one of `message`, `errno` and `call` is not None.

    `number` counts lines from 1. `line` is printable ASCII, and cut at 400 characters. `driver` is
    the VFIO driver that the line names by its directory, or None.
    """

    number: int
    line: str
    message: Message | None
    errno: str | None
    call: Call | None
    names: Names
    driver: str | None = None

    @property
    def whose(self) -> Whose:
        """Where the line sends its reader."""
        return Whose.VFIO if self.message is None else self.message.whose


class Paste(NamedTuple):
    """A text: its lines that are understood, each meaning once, and a count of the others.

    `lines` counts those that are not empty. `foreign` are lines with an errno that is not VFIO's.
    `cut` says in words what was not read, or is None.
    """

    understood: tuple[Understood, ...]
    lines: int
    foreign: int
    cut: str | None


class _Table(NamedTuple):
    """The messages by their texts, and `gate`: a line without all of these says nothing.

    `plain` are those of the gate that a line of ASCII may have.
    """

    messages: tuple[tuple[tuple[str, ...], Message], ...]
    gate: tuple[str, ...]
    plain: tuple[str, ...]


@cache
def _table() -> _Table:
    # A line that says both why a program failed and that it ended is about why.
    messages = sorted(every_message(), key=lambda message: message.whose is Whose.REST)
    table = tuple(
        (words.pieces(pattern), message) for message in messages for pattern in message.patterns
    )
    gate = words.telling() | {max(texts, key=len) for texts, _ in table}
    # A text that holds another one is not needed: "permission denied" beside "denied".
    short = [text for text in gate if not any(o in text for o in gate if o != text)]
    short.sort(key=len)
    return _Table(table, tuple(short), tuple(text for text in short if text.isascii()))


def read(text: str) -> Paste:
    """Read a text of any size and content; the bounds are the constants above."""
    cut = None
    if len(text) > MOST_CHARACTERS:
        text, cut = text[:MOST_CHARACTERS], f"only the first {MOST_CHARACTERS >> 20} MB are read"
    kept: dict[tuple[object, ...], Understood] = {}
    seen: set[str] = set()
    table = _table()
    excused: tuple[object, ...] | None = None
    count = told = foreign = 0
    for number, raw in enumerate(wrapped.whole(_lines(text)), 1):
        line = cleaned(raw)
        if not line:
            continue
        if len(raw) > _LINE:
            cut = cut or "of long lines only both ends are read"
        if count == MOST_LINES or told == MOST_TOLD:
            cut = f"only its first {count} lines are read"
            break
        count += 1
        lower = line.lower()
        if excused is not None and _P2P in lower:
            kept.pop(excused)
        excused = None
        if lower in seen:
            continue
        seen.add(lower)
        gates = table.plain if lower.isascii() else table.gate
        if not any(gate in lower for gate in gates):
            continue
        said = _understood(number, line, table)
        if said is None:
            foreign += words.told_errno(lower) is not None
            continue
        told += 1
        key = (said.message, said.errno, said.call, said.driver)
        if key not in kept and said.message is None and said.call is Call.MAP:
            excused = key
        kept[key] = _joined(kept[key], said) if key in kept else said
    return Paste(
        understood=_ordered([*kept.values()]),
        lines=count,
        foreign=foreign,
        cut=cut,
    )


def _lines(text: str) -> list[str]:
    """The lines of a text; JSON, as Kubernetes logs it, has line breaks written out."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\\n", "\n").split("\n")


def cleaned(raw: str) -> str:
    """A line without colours and control characters, with single blanks, and cut if it is long."""
    if len(raw) > _LINE:
        raw = f"{raw[: _LINE // 2]} {raw[-_LINE // 2 :]}"
    if not (raw.isascii() and raw.isprintable()):
        raw = _NO_TEXT.sub(" ", _COLOUR.sub("", raw)).translate(_QUOTES)
    return " ".join(raw.split())


def _understood(number: int, line: str, table: _Table) -> Understood | None:
    lower = line.lower()
    if words.only_settings(lower):
        return None
    said = _said(lower)
    names = words.names(lower)
    errno, call = words.told_errno(said), words.told_call(said)
    failed = errno is not None or words.failed(said)
    message = next(
        (
            message
            for texts, message in table.messages
            if texts[0] in said and words.follows(said, texts) and (failed or not message.thing)
        ),
        None,
    )
    if message is not None and message.general and errno and call:
        message = None
    if message is None and not words.only_errno(lower):
        if errno is None and (call is None or not failed):
            return None
        if words.of_another_driver(lower) or not (words.ours(lower, names) or (errno and call)):
            return None
    return Understood(
        number=number,
        line=printable(line[:_SHOWN]),
        message=message,
        errno=errno or (message.errno if message else None),
        call=(message.call if message else None) or call,
        names=names,
        driver=next(words.drivers(lower), None),
    )


def _said(line: str) -> str:
    """The line without the arguments that a VMM repeats before its message (`-device ...:`).

    A `*` that the shell found no file for is left out too.
    """
    line = line.replace("/*", "/")
    if " -" not in f" {line}":
        return line
    said: list[str] = []
    argument = False
    for word in line.split():
        if argument and not word.startswith("-"):
            argument = False
            continue
        option = word[0] == "-" and word[1:2].isalpha() and word[-1] != ":"
        argument = option and not words.is_errno(word)
        if not argument:
            said.append(word)
    return " ".join(said) or line


def _joined(first: Understood, again: Understood) -> Understood:
    """The earlier of two lines that say the same, with the names of both."""
    mine, its = first.names, again.names
    named = Names(
        groups=tuple(dict.fromkeys((*mine.groups, *its.groups)))[:_NAMED],
        devices=tuple(dict.fromkeys((*mine.devices, *its.devices)))[:_NAMED],
        short=tuple(dict.fromkeys((*mine.short, *its.short)))[:_NAMED],
    )
    return first._replace(names=named)


_RANK = {whose: rank for rank, whose in enumerate(Whose)}


def _ordered(understood: list[Understood]) -> tuple[Understood, ...]:
    """What refuses comes first, what is fine last; lines that only repeat are left out beside it.

    A line that names a call without an errno is left out beside one of the same call that has it.
    """
    told = {said.call for said in understood if said.errno and said.call}
    calls = [
        said
        for said in understood
        if said.message or said.errno or not told or said.call not in told
    ]
    meant = [said for said in calls if said.whose not in {Whose.REST, Whose.FINE}]
    kept = [said for said in calls if said.whose is not Whose.REST] if meant else calls
    return tuple(sorted(kept, key=_rank))


def _rank(said: Understood) -> int:
    """VFIO's refusals go before others' words; among VFIO's those with an errno go first."""
    return 2 * _RANK[said.whose] + (said.errno is None)
