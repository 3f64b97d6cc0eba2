"""The policies as JSON, with the proof of whether this kernel carries each."""

from __future__ import annotations

from vfioguard.proof_json import claim_json
from vfioguard.report import SCHEMA_VERSION, PolicyReport, Report
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import policies as shapes


def policies_json(report: Report) -> shapes.Policies:
    """Every policy, those that are not in force too."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "generated_at": report.generated_at,
        "kernel": report.host.kernel,
        "policies": [_policy(policy) for policy in report.policies],
    }


def _policy(policy: PolicyReport) -> shapes.Policy:
    return {
        "name": policy.name,
        "backend": policy.backend,
        "kernels": policy.kernels,
        "summary": policy.summary,
        "source": policy.source,
        "in_force": policy.in_force,
        "carried": claim_json(policy.carried),
        "offered": None if policy.offered is None else claim_json(policy.offered),
    }
