"""How many examples a law is tried with."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """The number, or a tenth of it where `make quick` runs the law."""
    return max(5, number // 10) if settings.get_current_profile_name() == "quick" else number
