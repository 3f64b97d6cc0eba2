"""Why a group is refused, and what to change, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.report import CauseReport, CauseRow, Step
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import cause as shapes
    from vfioguard.proof_json import Renderer


def cause_json(cause: CauseReport) -> shapes.Cause:
    """A cause and its steps, without the proof."""
    return {
        "name": cause.name,
        "sentence": cause.sentence,
        "rule": cause.rule or None,
        "helps": cause.helps,
        "change": steps_json(cause.change),
        "ticket": cause.ticket,
        "last_resort": steps_json(cause.last_resort),
    }


def steps_json(steps: Sequence[Step]) -> list[shapes.Step]:
    """What to change, and where."""
    return [{"do": step.do, "where": step.where} for step in steps]


def why_json(causes: Sequence[CauseReport], claim: Renderer) -> list[shapes.ProvenCause]:
    """Causes with their proofs, which `claim` renders."""
    return [{**cause_json(cause), "because": claim(cause.because)} for cause in causes]


def row_json(row: CauseRow) -> shapes.CauseRow:
    """A cause and all groups whose first cause it is."""
    return {**cause_json(row.cause), "groups": list(row.groups)}


def names_json(names: Sequence[str]) -> shapes.Named:
    """The names of causes, the first of which is of the first errno."""
    return {"cause": names[0] if names else None, "causes": list(names)}
