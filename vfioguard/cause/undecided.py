"""Nothing that can be read decides whether the interrupts are isolated.

Change on every architecture: ask as root, with the members on their ordinary drivers.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import proof
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import GroupReport, Step

_RULE = "vfioguard calls nothing allowed that it cannot prove"
#: Where a proof has a witness of the running kernel that tells nothing of another (what_if.py).
_OTHER_KERNEL = "--kernel "


def _applies(_: Host, group: GroupReport | None, __: Members | None) -> Caused | None:
    if group is None:
        return None
    verdict = next(iter(proof.unknown(group)), None)
    if verdict is None:
        return None
    if any(gap.source.startswith(_OTHER_KERNEL) for gap in proof.gaps(verdict.isolated)):
        return _under_another_kernel(group, verdict.isolated)
    claim = proof.open_claim(verdict.isolated)
    return Caused(
        sentence="Whether the interrupts are isolated is not known: nothing that can be read "
        f'decides "{claim.claim}".',
        rule=_RULE,
        because=verdict.isolated,
        change=(
            Step(
                "Ask as root, while the members are on their ordinary drivers: then their "
                "interrupts show.",
                f"sudo vfioguard explain group:{group.id}",
            ),
        ),
    )


def _under_another_kernel(group: GroupReport, isolated: Answer) -> Caused:
    return Caused(
        sentence="Whether the interrupts are isolated under that kernel is not known: those of the "
        "running kernel are no evidence for it.",
        rule=_RULE,
        because=isolated,
        change=(
            Step(
                "Name the whole release, with its last number: stable releases differ. Else boot "
                "that kernel, and ask again.",
                f"vfioguard explain group:{group.id} --kernel RELEASE",
            ),
        ),
    )


CAUSE = Cause("undecided", _applies, ELSE)
