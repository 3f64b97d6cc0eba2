"""What a pasted text means on this host, as JSON: each thing that is understood."""

from __future__ import annotations

from vfioguard.output.explain.answer import Answer, Possible
from vfioguard.symptom.paste import Paste
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import explain as shapes


def message_json(paste: Paste, answers: tuple[Answer, ...]) -> shapes.Message:
    """The text and its lines; the most telling line first."""
    return {
        "lines": paste.lines,
        "foreign": paste.foreign,
        "cut": paste.cut,
        "understood": [_line(answer) for answer in answers],
    }


def _line(answer: Answer) -> shapes.Line:
    said = answer.said
    return {
        "line": said.line,
        "number": said.number,
        "whose": said.whose,
        "errno": said.errno,
        "call": said.call,
        "means": answer.means,
        "do": answer.change or None,
        "here": answer.here.says or None,
        "possible_here": [_possible(possible) for possible in answer.possible],
        "not_here": list(answer.not_here),
        "override": answer.override,
        "groups": [group.id for group in answer.of.groups] if answer.of.named else [],
        "not_on_this_host": list(answer.of.missing),
    }


def _possible(possible: Possible) -> shapes.Possible:
    return {
        "errno": possible.errno,
        "why": possible.why,
        "do": possible.change,
        "known": possible.here.possible is True,
        "here": possible.here.says or None,
        "groups": list(possible.here.groups),
    }
