"""Nobody may read the tables that tell whether firmware offers an IOMMU.

Change for a missing group: run as root.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = no_group.none_in_use(host, group, members)
    # The tables of other machines name no IOMMU of theirs that Linux drives.
    told = concerned and (host.is_x86 or host.is_arm) and not _by_devicetree(host)
    return host.once(_caused) if told else None


def _by_devicetree(host: Host) -> bool:
    """Whether there are no tables to read."""
    return not host.is_x86 and acpi_tables.devicetree_boot(host.snapshot.acpi)


def _caused(host: Host) -> Caused | None:
    for name, table in host.snapshot.acpi.by_name():
        if isinstance(table, Gap) and no_group.unread(table):
            hidden = table.source == acpi_tables.PATH
            step = (
                Step(
                    "Run vfioguard where /sys/firmware is shown, or hand it the tables.",
                    acpi_tables.PATH,
                )
                if hidden
                else Step(
                    "Run vfioguard as root: only root may read the tables.", f"{acpi_tables.PATH}/*"
                )
            )
            return Caused(
                sentence="No IOMMU is in use; why is not known, as the ACPI tables are unreadable.",
                rule="drivers/acpi/sysfs.c: the tables have mode 0400; all kernels",
                because=ask(f"the {name.upper()} can be read", table, lambda _: None),
                change=(step,),
            )
    return None


CAUSE = Cause("tables_unread", _applies, ELSE)
