"""What a pasted text means on this host: values, which the text and the JSON show."""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.output.explain.here import UNKNOWN, Seen, seen
from vfioguard.output.explain.view import View, backend, carried, filled, view
from vfioguard.report import Report
from vfioguard.snapshot import Snapshot
from vfioguard.symptom import About, Call, Whose, causes_of
from vfioguard.symptom.paste import Paste, Understood
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome

_GIVES_AWAY = "a guest can then raise any interrupt of the host, through any device"


class Possible(NamedTuple):
    """A cause that this host does not exclude: its errno, why, what to do, and the fact here.

    `label` is its name in one line; `calls` are those that answer so, as the tables write them.
    """

    errno: str
    label: str
    calls: tuple[Call, ...]
    why: str
    change: str
    whose: Whose
    here: Seen


class Answer(NamedTuple):
    """What one line means here.

    `means` and `change` are those of a line with one meaning, else None and "". `here` is the fact
    that is shown beside it. `not_here` names the causes that this host excludes. `override` is the
    sentence about the override, only where interrupts refuse.
    """

    said: Understood
    of: View
    means: str | None
    change: str
    here: Seen
    possible: tuple[Possible, ...]
    not_here: tuple[str, ...]
    override: str | None


def answers(paste: Paste, snapshot: Snapshot, report: Report) -> tuple[Answer, ...]:
    """What each thing that is understood means on this host, the most telling first."""
    host = Host(snapshot)
    return tuple(_answer(said, view(host, report, said.names)) for said in paste.understood)


def _answer(said: Understood, of: View) -> Answer:
    if said.message is not None:
        return _of_message(said, of)
    possible: list[Possible] = []
    excluded: list[str] = []
    named: set[tuple[str, str]] = set()
    interrupts = False
    for errno, cause in causes_of(said.errno, said.call):
        if not carried(cause, of) or (errno, cause.label) in named:
            continue
        named.add((errno, cause.label))
        sure = cause.sure and said.errno is not None and said.call is not None
        fact = Seen(True) if sure else seen(cause.about, of)
        interrupts = interrupts or cause.about is About.INTERRUPTS
        if fact.possible is False:
            excluded.append(cause.label)
            continue
        change = _numbered(fact.change or filled(cause.change, of, said.driver), fact)
        why = filled(cause.why, of, said.driver)
        possible.append(
            Possible(
                errno=errno,
                label=cause.label,
                calls=cause.calls,
                why=why,
                change=change,
                whose=cause.whose,
                here=fact,
            )
        )
    possible.sort(key=lambda cause: cause.here.possible is not True)
    return Answer(
        said=said,
        of=of,
        means=None,
        change="",
        here=UNKNOWN,
        possible=tuple(possible),
        not_here=tuple(dict.fromkeys(excluded)),
        override=_override(of, said.call) if interrupts else None,
    )


def _of_message(said: Understood, of: View) -> Answer:
    message = said.message
    if message is None:
        raise ValueError("the line has no message")
    arch = of.snapshot.kernel.arch
    if message.x86 and isinstance(arch, Fact) and not is_x86(arch):
        means = f"only x86 has this line, and this host is {arch.value}: another host wrote it"
        return Answer(
            said=said,
            of=of,
            means=means,
            change="",
            here=UNKNOWN,
            possible=(),
            not_here=(),
            override=None,
        )
    fact = seen(message.about, of)
    change = "" if message.whose is Whose.FINE else fact.change
    wanted = message.about is About.INTERRUPTS and message.whose is Whose.VFIO
    return Answer(
        said=said,
        of=of,
        means=filled(message.means, of, said.driver),
        change=_numbered(change or filled(message.change, of, said.driver), fact),
        here=fact,
        possible=(),
        not_here=(),
        override=_override(of, said.call) if wanted else None,
    )


def _numbered(change: str, fact: Seen) -> str:
    """The advice with the group's number and the command, if the fact has them."""
    if fact.groups:
        number = fact.groups[0]
        change = change.replace("group:N", f"group:{number}").replace("vfio/N", f"vfio/{number}")
    if not fact.commands:
        return change
    first, *others = fact.commands
    more = f" (and {len(others)} more)" if others else ""
    return f"{change}; here: {first}{more}"


def _override(of: View, call: Call | None) -> str | None:
    """What the override gives away; None where interrupts refuse nothing, or it has no module."""
    outcomes = {group.outcome for group in of.groups}
    module = "iommufd" if call is Call.IOMMUFD else backend(of)
    if module is None or of.elsewhere:
        return None
    if Outcome.REFUSED in outcomes:
        return f"last resort: {module}.allow_unsafe_interrupts=1; {_GIVES_AWAY}"
    if Outcome.BY_OVERRIDE in outcomes:
        return f"{module}.allow_unsafe_interrupts is on: {_GIVES_AWAY}"
    return None
