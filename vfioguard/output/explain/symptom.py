"""What a pasted text means on this host, in at most one screen: the answer first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.attach import Attach
from vfioguard.output.explain.answer import Answer, Possible
from vfioguard.output.explain.assumed import assumed_line
from vfioguard.report import GroupReport, Report
from vfioguard.rerun import same_host
from vfioguard.symptom import Whose
from vfioguard.symptom.paste import Paste

_WIDTH = 80
_SCREEN = 24
#: Groups whose verdict is shown.
_GROUPS = 2


def symptom_lines(
    paste: Paste, answers: tuple[Answer, ...], report: Report, again: str
) -> list[str]:
    """The lines of the answer, at most 24. `again` holds the options that judge the same host."""
    answers = tuple([_for_same_host(answer, again) for answer in answers])
    above = textwrap.wrap("".join(assumed_line(report)), _WIDTH, subsequent_indent="  ")
    below = [*_verdicts(answers, report, again), *_notes(paste, answers)]
    room = _SCREEN - len(above) - len(below)
    if len(answers) == 1:
        return [*above, *_answer(answers[0], room, room), *below]
    lines: list[str] = []
    share = max(room // min(len(answers), 4), 6)
    for number, answer in enumerate(answers):
        left = len(answers) - number
        free = room - len(lines) - (left > 1) - 1
        block = [_quoted(answer), *_answer(answer, share, free)]
        if len(lines) + len(block) > room - (left > 1) and lines:
            lines.append(f"... and {left} more of these lines: see --output json")
            break
        lines += block
    return [*above, *lines, *below]


def _for_same_host(answer: Answer, again: str) -> Answer:
    """The answer whose commands have the options of this one."""
    if not again:
        return answer
    possible = [
        each._replace(
            change=same_host(each.change, again),
            here=each.here._replace(says=same_host(each.here.says, again)),
        )
        for each in answer.possible
    ]
    return answer._replace(
        means=None if answer.means is None else same_host(answer.means, again),
        change=same_host(answer.change, again),
        here=answer.here._replace(says=same_host(answer.here.says, again)),
        possible=tuple(possible),
    )


def named(answers: tuple[Answer, ...]) -> list[GroupReport]:
    """The groups of this host that a text names, in its order."""
    return list({group.id: group for a in answers if a.of.named for group in a.of.groups}.values())


def devices_named(answers: tuple[Answer, ...]) -> list[str]:
    """The devices of this host that a text names, those of its first line first."""
    return list(
        dict.fromkeys(
            name for a in answers for name in sorted(a.of.devices) if name not in a.of.missing
        )
    )


def _quoted(answer: Answer) -> str:
    return textwrap.shorten(f"> {answer.said.line}", _WIDTH, placeholder=" ...")


def _answer(answer: Answer, room: int, free: int) -> list[str]:
    """The lines about one line of the text, at most `room`; its first cause may fill `free`."""
    missing = [_missing(answer)] if answer.of.missing else []
    if answer.means is not None:
        lines = [*missing, *_wrapped(answer.means, "")]
        if answer.change:
            lines += _wrapped(answer.change, "do: ")
        if answer.here.says:
            lines += _wrapped(answer.here.says, "here: ")
        return lines
    not_here = _one_line("not here: ", answer.not_here)
    lines = [*missing, *_wrapped(_head(answer), "")]
    left = room - len(lines) - len(not_here) - 1
    others: list[str] = []
    told = False
    certain = any(cause.here.possible for cause in answer.possible)
    for cause in answer.possible:
        block = [*_cause(cause, answer)]
        unproven = certain and not cause.here.possible
        space = left if told else left + free - room
        if others or unproven or len(block) > space:
            others.append(cause.label)
            continue
        lines += block
        left -= len(block)
        told = True
    return [*lines, *_one_line("or: ", tuple(others)), *not_here]


def _head(answer: Answer) -> str:
    name, call = answer.said.errno, answer.said.call
    what = f"{name or 'a failure'} {f'from {call}' if call else 'from VFIO'}"
    kernel = answer.of.report.host.kernel or "unknown"
    if not answer.possible:
        return (
            f"{what}, kernel {kernel}: nothing that this host shows explains it now. It has "
            "changed since, or another host said so"
        )
    return f"{what}, kernel {kernel}:"


def _cause(cause: Possible, answer: Answer) -> Iterator[str]:
    why = cause.why if answer.said.errno else f"{cause.errno}: {cause.why}"
    if answer.said.call is None:
        why = f"{' or '.join(cause.calls)}: {why}"
    yield from _wrapped(why, "- ")
    if cause.here.says:
        yield from (f"  {line}" for line in _wrapped(cause.here.says, "here: ", _WIDTH - 2))
    yield from (f"  {line}" for line in _wrapped(cause.change, "do: ", _WIDTH - 2))


def _missing(answer: Answer) -> str:
    first, *others = answer.of.missing
    nouns = "such device or group" if others else _noun(first)
    return textwrap.shorten(
        f"{', '.join([first, *others])}: no {nouns} on this host", _WIDTH, placeholder=""
    )


def _noun(name: str) -> str:
    return "such group" if name.startswith("group ") else "such device"


def _verdicts(answers: tuple[Answer, ...], report: Report, again: str) -> Iterator[str]:
    """The answers about the groups that the text names: whether they can be attached."""
    if all(answer.said.whose is Whose.OTHER for answer in answers):
        return
    # A log names every port: what nobody gives away would fill the screen.
    groups = sorted(named(answers), key=lambda group: not group.attachable)
    for group in groups[:_GROUPS]:
        devices = wording.listed([device.name for device in group.devices])
        yield from _wrapped(
            f"group {group.id} ({devices}): attach: {_attach(group)}; by its interrupts: "
            f"{group.outcome}",
            "",
        )
        yield f"  proof: {wording.proof_command(report, group, again)}"
    if len(groups) > _GROUPS:
        yield f"and {len(groups) - _GROUPS} more groups that it names"


def _attach(group: GroupReport) -> str:
    """Whether the attach succeeds, and after what, in the words of the group's own screen."""
    attachment = group.attachment
    if wording.to_change(attachment):
        return wording.attach(attachment, f", after a change: {wording.blocked(group)}")
    binds = attachment.now is None and attachment.attach in {Attach.YES, Attach.BY_OVERRIDE}
    return wording.attach(attachment, ", once bound to VFIO" if binds else "")


def _notes(paste: Paste, answers: tuple[Answer, ...]) -> Iterator[str]:
    """What was not read, and, last of all, the override."""
    if paste.cut:
        yield f"The text is long: {paste.cut}."
    override = next((answer.override for answer in answers if answer.override), None)
    if override is not None:
        yield from _wrapped(override, "")


def _wrapped(text: str, before: str, width: int = _WIDTH) -> list[str]:
    return textwrap.wrap(f"{before}{text}", width, subsequent_indent="  ", break_on_hyphens=False)


def _one_line(before: str, parts: tuple[str, ...]) -> list[str]:
    """One line with as many of these as it holds; none if there are none."""
    if not parts:
        return []
    return [textwrap.shorten(f"{before}{', '.join(parts)}", _WIDTH, placeholder=" ...")]
