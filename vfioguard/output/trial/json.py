"""What `try` heard, as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.report import SCHEMA_VERSION, Report
from vfioguard.tried import Asked, Tried
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import trial as shapes


def document(report: Report, tries: Iterable[Tried], capture: str | None) -> shapes.Tries:
    """The answers for all targets. `capture` is the path of the file to send, or None."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "generated_at": report.generated_at,
        "kernel": report.host.kernel,
        "capture": capture,
        "targets": [_tried(each) for each in tries],
    }


def _tried(each: Tried) -> shapes.Tried:
    return {
        "target": each.target,
        "group": each.group,
        "devices": list(each.devices),
        "why_not": each.why_not,
        "backends": {asked.backend: _asked(asked) for asked in each.asked},
    }


def _asked(asked: Asked) -> shapes.Trial:
    met = asked.refused
    return {
        "agrees": asked.agrees,
        "errno": met.errno if met else None,
        "call": met.call if met else None,
        "opened": asked.opened,
        "calls": [
            {"call": called.call, "on": called.on, "errno": called.errno} for called in asked.calls
        ],
        "foretold": {
            "answer": asked.foretold.answer,
            "errno": asked.foretold.errno,
            "call": asked.foretold.call,
            "blockers": list(dict.fromkeys(each.name for each in asked.foretold.blockers)),
        },
    }
