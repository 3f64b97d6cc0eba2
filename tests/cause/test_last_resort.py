"""The override is the last thing offered, on every recorded host and in every face."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cause.test_laws import recorded
from vfioguard.inference.host import Host
from vfioguard.judging.causes import causes_of
from vfioguard.judging.evaluate import judge
from vfioguard.output import Style
from vfioguard.output.explain.screen import screen
from vfioguard.output.text import OUTPUT
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

PARAMETER = "allow_unsafe_interrupts"


@pytest.mark.parametrize("root", recorded())
def test_the_override_is_offered_after_all_causes_and_to_refused_groups_alone(root: Path) -> None:
    judged = judge(take(open_root(str(root))), "now", findings=False)
    host, report = Host(judged.snapshot), judged.report
    seen: set[object] = set()
    for group in report.groups:
        causes = causes_of(host, group, judged.snapshot.group(group.id))
        for cause in causes:
            assert not [s for s in cause.change if PARAMETER in f"{s.do}{s.where}"], cause
        assert not any(cause.last_resort for cause in causes[:-1])
        refused = any(v is not None and v.outcome is Outcome.REFUSED for _, v in group.backends)
        offered = bool(causes and causes[-1].last_resort)
        assert refused or not offered, group.id
        key = (group.causes, offered, tuple(cause.sentence for cause in causes))
        if key not in seen:
            seen.add(key)
            assert_last(screen(judged.snapshot, report, group, {}, causes), offered=offered)
    offers = any(row.cause.last_resort for row in report.causes)
    text = "".join(OUTPUT.parts(report, Style()))
    assert_last(text.splitlines(), offered=offers)


def assert_last(told: list[str], *, offered: bool) -> None:
    """No cause and no step of one stands below the override; it says what it gives away."""
    places = [n for n, line in enumerate(told) if line.startswith("last resort: ")]
    assert len(places) == offered
    if offered:
        after = told[places[0] :]
        assert "through any device" in " ".join(line.strip() for line in after)
        assert not [line for line in after if line.startswith(("cause", "  1. "))]
