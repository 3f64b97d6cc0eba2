"""A fleet as JSON."""

from __future__ import annotations

from vfioguard.fleet.sums import Fleet
from vfioguard.report import SCHEMA_VERSION
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import Outcome

if TYPE_CHECKING:
    from vfioguard.json_shapes import fleet as shapes


def fleet_json(fleet: Fleet, generated_at: str) -> shapes.Fleet:
    """The sums and, in `hosts`, each host; the worst first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": generated_at,
        "groups": {outcome.value: number for outcome, number in fleet.groups},
        "worst": [{"outcome": outcome, "hosts": number} for outcome, number in fleet.hosts],
        "kernels": [{"kernel": kernel, "hosts": number} for kernel, number in fleet.kernels],
        "causes": [
            {
                "cause": cause.name,
                "outcome": cause.outcome,
                "groups": cause.groups,
                "bound": cause.bound,
                "sentence": cause.sentence,
                "change": list(cause.change),
                "paths": list(cause.paths),
            }
            for cause in fleet.causes
        ],
        "findings": [
            {"finding": row.name, "severity": row.severity, "paths": list(row.paths)}
            for row in fleet.findings
        ],
        "not_judged": [{"path": row.path, "why": row.why} for row in fleet.not_judged],
        "hosts": [
            {
                "path": host.path,
                "kernel": host.kernel,
                "outcome": host.worst,
                "groups": {outcome: dict(host.groups).get(outcome, 0) for outcome in Outcome},
                "causes": list(dict.fromkeys(cause.name for cause in host.causes)),
            }
            for host in fleet.judged
        ],
    }
