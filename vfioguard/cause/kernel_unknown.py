"""Which test this kernel makes is not known: its release does not tell, and no symbols do.

Change on every architecture: let vfioguard read the names of the kernel's functions.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import proof, why
from vfioguard.fact import Fact
from vfioguard.inference import era, exempt
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.symbols import BTF, KALLSYMS
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step
from vfioguard.verdict import NONE


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if group is None or members is None or not proof.unknown(group):
        return None
    told = era.predicate(host.snapshot)
    several = any("|" in verdict.policy for verdict in proof.unknown(group))
    if not several and not _none(group, members):
        return _of_drivers(host, group)
    return Caused(
        sentence="Which interrupt test this kernel makes is not known, and the tests differ here.",
        rule="iommu_capable() up to v4.10, irq_domain_check_msi_remap() v4.11 to v6.2, "
        "iommu_group_has_isolated_msi() since v6.3; vendors carry them back",
        because=ask("the kernel's names tell its test", told, lambda _: None),
        change=(
            Step(
                "Let vfioguard read the names of the kernel's functions: run it as root.",
                f"{BTF}, {KALLSYMS}",
            ),
        ),
    )


def _none(group: GroupReport, members: Members) -> bool:
    """Whether no known test is this kernel's, although a backend is there."""
    untested = any(verdict and verdict.policy == NONE for _, verdict in group.backends)
    return untested and exempt.by_kind(members) is None and not why.tested(group, members)


def _of_drivers(host: Host, group: GroupReport) -> Caused | None:
    """The cause if the test is known, but not which of its forms this release has."""
    release = host.snapshot.kernel.release
    for verdict in proof.unknown(group):
        claim = proof.open_claim(verdict.isolated)
        if claim.because == (release,):
            return Caused(
                sentence=f"How this kernel tests interrupts is not known: {_release(host)} lies "
                "between releases that differ.",
                rule="drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_attach_group(): another "
                "form since v4.14; what drivers report changed up to v4.11",
                because=claim,
                change=(Step("Boot a kernel of 4.14 or later, whose test is known."),),
            )
    return None


def _release(host: Host) -> str:
    release = host.snapshot.kernel.release
    return release.value.text if isinstance(release, Fact) else "its release"


CAUSE = Cause("kernel_unknown", _applies)
