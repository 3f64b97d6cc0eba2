"""One reading of the host, in the form that is served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from vfioguard.report import GroupReport, Report


class Scan(NamedTuple):
    """One reading of the host.

    `under` judges groups of the report by the policy that it is given the name of. If `state` is
    the same object as in the scan before, every policy gives the same verdicts as before.
    `taken_at` is Unix time in seconds. `seconds` is how long reading and judging took. `firmware`
    returns the decoded tables as JSON, as the same object while the tables are the same. Any thread
    may call the two functions.
    """

    report: Report
    under: Callable[[str, Iterable[GroupReport]], Sequence[GroupReport]]
    state: object
    taken_at: float
    seconds: float
    firmware: Callable[[], bytes] | None = None
