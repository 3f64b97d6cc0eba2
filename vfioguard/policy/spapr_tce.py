"""POWER: the spapr_tce container attaches without an interrupt test.

The hypervisor or OPAL owns the MSIs of the machine (policy.md 1.4). No parameter governs this path
(policy.md 1.3).
"""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.logic import Answer, Claim, ask
from vfioguard.policy import Isolated, Policy

_CLAIM = "spapr_tce attaches without an interrupt test"


def _isolated(host: Host) -> Isolated:
    answer = ask(_CLAIM, host.snapshot.kernel.arch, lambda _: True)
    return lambda _members: answer


def _carried(host: Host) -> Answer:
    return ask(
        Claim("this is POWER", "this is no POWER"),
        host.snapshot.kernel.arch,
        lambda arch: arch.startswith("ppc"),
    )


POLICY = Policy(
    name="spapr_tce",
    backend="spapr_tce",
    kernels="POWER, all",
    summary="no interrupt test",
    source="drivers/vfio/vfio_iommu_spapr_tce.c",
    carried=_carried,
    isolated=_isolated,
)
