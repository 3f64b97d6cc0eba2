"""What to do where firmware keeps memory for a device.

HPE's ways out, and for which cards they work: its advisory c04781229, as
https://github.com/kiler129/relax-intel-rmrr/blob/master/deep-dive.md sums it up. That patch, which
ignores such memory, is in no release of kernel.org (6.1, 6.12 drivers/iommu/intel/iommu.c).
"""

from __future__ import annotations

from vfioguard.blocker import Advice
from vfioguard.fact import Fact
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.kernel import iommu_class
from vfioguard.report import Step

#: How DMI begins with the maker of ProLiants, in capitals.
_HPE = ("HPE", "HP", "HEWLETT")
_UPDATE = Step("Update the firmware; if the newest does it too, ask its vendor.", "firmware update")
_GUEST = Step(
    "This is a virtual machine: where it runs, take that memory out of the tables that it is given."
)
_GEN9 = Step(
    "ProLiant Gen9 or later: disable HP Shared Memory features for the network card.",
    "System Utilities: System Configuration, the card, Device Level Configuration",
)
_GEN8 = Step(
    "ProLiant Gen8: exclude the slot of a network card; it is not known to help other cards.",
    "conrep -l -x conrep_rmrds.xml -f exclude.dat (RMRDS_SlotN: Endpoints_Excluded)",
)


def advice(host: Host) -> Advice:
    """The steps on this machine; no kernel of kernel.org has an option against it."""
    guest = virtual.hypervisor(host) is not None
    mend = _GUEST if guest else _UPDATE
    if not host.is_x86:
        return Advice((mend,), "firmware asks for it, and its maker alone can change that")
    intel = iommu_class.driven(host.snapshot.iommus, "intel")
    if not intel or _is_of_another(host) or guest:
        table = "the DMAR (RMRR)" if intel else "the IVRS (IVMD)"
        return Advice((mend,), f"firmware asks for it in {table}, and no option ignores that")
    return Advice((_GEN9, _GEN8, _UPDATE))


def _is_of_another(host: Host) -> bool:
    """Whether the machine is known to be no ProLiant."""
    site = host.snapshot.site
    machine = site.machine if site is not None else None
    return isinstance(machine, Fact) and not machine.value.vendor.upper().startswith(_HPE)
