"""`vfioguard policies`: the policies, which of them are in force here, and why."""

from __future__ import annotations

import argparse

from vfioguard.cli import host
from vfioguard.cli.arguments import Parser, add_output, add_policy, add_root
from vfioguard.cli.verbs import Verb
from vfioguard.proof_tree import proof_lines


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    add_output(parser)


def _run(options: argparse.Namespace) -> int:
    """Print each policy with the proof of whether this kernel carries it."""
    report = host.read_report(options, findings=False)
    if options.output == "json":
        from vfioguard.output.policies.json import policies_json
        from vfioguard.proof_json import dumps

        print(dumps(policies_json(report)))
        return 0
    print(f"kernel {report.host.kernel or 'unknown'}")
    for policy in report.policies:
        print()
        state = "in force" if policy.in_force else "not in force"
        print(f"{policy.name} ({policy.backend or 'no backend'}; {policy.kernels}): {state}")
        print(f"  {policy.summary}")
        print(f"  {policy.source}")
        print("\n".join(proof_lines(policy.carried, 1)))
        if policy.offered is not None:
            print("\n".join(proof_lines(policy.offered, 1)))
    return 0


VERB = Verb(
    help="the policies, and which are in force here",
    arguments=_arguments,
    run=_run,
)
