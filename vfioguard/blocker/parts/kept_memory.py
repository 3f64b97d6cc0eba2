"""What to do where firmware keeps memory for a device.

HPE's ways out, and for which cards they work: its advisory c04781229, as
https://github.com/kiler129/relax-intel-rmrr/blob/master/deep-dive.md sums it up. Both are for
network cards: the menu of Gen9 and later for some of HPE's own, the tool of Gen8 for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vfioguard.blocker import Advice
from vfioguard.fact import Fact
from vfioguard.inference import virtual
from vfioguard.inference.host import Host
from vfioguard.inference.memory import relaxed
from vfioguard.kernel import iommu_class
from vfioguard.kernel.devices import Device
from vfioguard.remedy.command_line import edit
from vfioguard.report import Step

#: How DMI begins with the maker of ProLiants, in capitals.
_HPE = ("HPE", "HP", "HEWLETT")
#: "ProLiant DL380 G7", "ProLiant MicroServer Gen8", "Synergy 480 Gen10 Plus".
_SERVER = re.compile(r"\b(?:ProLiant|Synergy)\b(?:.*\bG(?:en)?(\d+))?")
_FIRST_WITH_MENU, _WITH_TOOL = 9, 8
_NETWORK = 0x02
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
#: The patch itself warns of it.
_RISK = "Risk: a device that still writes there for the firmware then writes into the guest."


def advice(host: Host, kept_for: Iterable[Device]) -> Advice:
    """The steps on this machine, for memory that is kept for one of these devices."""
    guest = virtual.hypervisor(host) is not None
    mend = _GUEST if guest else _UPDATE
    if not host.is_x86:
        return Advice((mend,), "firmware asks for it, and its maker alone can change that")
    intel = iommu_class.driven(host.snapshot.iommus, "intel")
    hpes = _of_hpe(host, list(kept_for)) if intel and not guest else ()
    relax = _relax(host) if intel else ()
    if hpes or relax:
        return Advice((*hpes, mend, *relax))
    table = "the DMAR (RMRR)" if intel else "the IVRS (IVMD)"
    option = "no option of this kernel ignores that"
    if intel and relaxed.is_asked(host.snapshot):
        option = f"`{relaxed.CHOICE}` on the command line changes nothing here"
    return Advice((mend,), f"firmware asks for it in {table}, and {option}")


def _relax(host: Host) -> tuple[Step, ...]:
    """The option of Proxmox's kernels, unless it is given already."""
    if not relaxed.is_known(host.snapshot) or relaxed.is_asked(host.snapshot):
        return ()
    step = edit(host, add=(relaxed.WORD,))
    return (step._replace(do=f"{step.do} {_RISK}"),)


def _of_hpe(host: Host, kept_for: list[Device]) -> tuple[Step, ...]:
    """HPE's ways out on this machine: none for a card that is known to be no network card."""
    generation = _generation(host)
    if generation is None or (kept_for and not any(map(_may_be_network, kept_for))):
        return ()
    if generation == 0:
        return (_GEN9, _GEN8)
    return (_GEN9,) if generation >= _FIRST_WITH_MENU else (_GEN8,)


def _generation(host: Host) -> int | None:
    """The generation of a ProLiant: 8, 9 ...; 0 if it is not known; None if HPE has no way out."""
    site = host.snapshot.site
    machine = site.machine if site is not None else None
    if not isinstance(machine, Fact):
        return 0
    if not machine.value.vendor.upper().startswith(_HPE):
        return None
    if not machine.value.product:
        return 0
    server = _SERVER.search(machine.value.product)
    if server is None:
        return None
    generation = int(server[1] or 0)
    return generation if not generation or generation >= _WITH_TOOL else None


def _may_be_network(device: Device) -> bool:
    event = device.uevent
    code = event.value.pci_class if isinstance(event, Fact) else None
    return code is None or code >> 16 == _NETWORK
