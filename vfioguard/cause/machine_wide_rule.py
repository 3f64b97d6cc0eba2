"""v4.11 to v6.2: one MSI controller of the machine that does not isolate refuses every group.

Change on every architecture: boot a kernel of 6.3 or later.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import why
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import sources
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if members is None or not _here(host) or not why.tested(group, members):
        return None
    if host.all_msi_domains.truth is not False or why.not_isolated(host, members):
        return None
    witness = host.witnesses.unisolated
    which = f"The MSI controller of {witness.name}" if witness else "Another MSI controller"
    where = "" if witness else f" ({', '.join(sources(host.all_msi_domains))})"
    return Caused(
        sentence=f"{which} does not isolate, and this kernel asks those of the whole machine"
        f"{where}.",
        rule="kernel/irq/irqdomain.c irq_domain_check_msi_remap(); v4.11 to v6.2",
        because=host.all_msi_domains,
        change=(Step("Boot a kernel of 6.3 or later, which asks the group's own members alone."),),
    )


def _here(host: Host) -> bool:
    return not host.is_x86 and not why.by_members(host)


CAUSE = Cause("machine_wide_rule", _applies, here=_here)
