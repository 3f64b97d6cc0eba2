"""Why an answer cannot be relied on now: a closed set of reasons, each with its words and age."""

from __future__ import annotations

from enum import StrEnum

from vfioguard.typed import NamedTuple


class Reason(StrEnum):
    """Why the answer may be behind the host; a label of `vfioguard_unready`."""

    UNREAD = "unread"
    FAILED = "failed"
    EVENTS_LOST = "events_lost"
    NO_EVENTS = "no_events"
    HUNG = "hung"
    BEHIND = "behind"
    OLD = "old"


class Doubt(NamedTuple):
    """A doubt about the answer. It began `age` seconds ago.

    `why` is one line for people, and stays the same as long as the doubt does.
    """

    reason: Reason
    why: str
    age: float
