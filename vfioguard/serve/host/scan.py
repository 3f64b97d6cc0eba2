"""One reading of the host, as what serves it takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from vfioguard.report import GroupReport, Report


class Scan(NamedTuple):
    """One reading of the host. `under` judges groups of it by another policy.

    Where `state` is the same object as that of the scan before, every policy says what it said.
    `taken_at` is Unix time in seconds, `seconds` how long reading and judging took. `firmware`
    gives the decoded tables as JSON: the same object while the tables are the same. Both functions
    may be called in any thread.
    """

    report: Report
    under: Callable[[str, Iterable[GroupReport]], Sequence[GroupReport]]
    state: object
    taken_at: float
    seconds: float
    firmware: Callable[[], bytes] | None = None
