"""What `try` heard, as lines: the answer beside the prediction, and each call below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.attach import OneBackend
from vfioguard.tried import Asked, Called, Tried

_FIRST = {True: "as foretold", False: "NOT AS FORETOLD", None: "not foretold"}


def lines(tries: Iterable[Tried]) -> Iterator[str]:
    """The lines for targets of which the kernel was asked."""
    for each in tries:
        group = "" if each.target.startswith("group:") else f" group:{each.group}"
        for asked in each.asked:
            yield (
                f"{_first(asked)}: {each.target}{group} by {asked.backend}: "
                f"the kernel says {_said(asked.refused)}; foretold {_foretold(asked.foretold)}"
            )
            yield from (f"    {_call(called)}" for called in asked.calls)


def _first(asked: Asked) -> str:
    left_out = asked.agrees is None and asked.refused is None and not asked.opened
    return "not asked so far" if left_out and asked.foretold.call else _FIRST[asked.agrees]


def _said(refused: Called | None) -> str:
    return "yes" if refused is None else f"no, {refused.errno} from {refused.call}"


def _foretold(foretold: OneBackend) -> str:
    if foretold.errno is None:
        return str(foretold.answer)
    return f"{foretold.answer}, {foretold.errno} from {foretold.call}"


def _call(called: Called) -> str:
    return f"{called.errno or 'ok':8} {called.call} {called.on}"
