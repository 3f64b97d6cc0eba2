"""Which of many objects are not the same ones any more."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import compress, count


def places_that_differ(old: Sequence[object], new: Sequence[object]) -> tuple[int, ...] | None:
    """Where the two hold different objects; None where there are more of one than of the other.

    No bytecode is run for a place: for each event there are thousands that stay as they are.
    """
    if len(old) != len(new):
        return None
    return tuple(compress(count(), map(operator.is_not, old, new)))
