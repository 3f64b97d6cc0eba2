"""vfio-pci refuses the device by its list, unless `disable_denylist` is set.

drivers/vfio/pci/vfio_pci.c vfio_pci_is_denylisted() (6.12.118): EINVAL. The module takes the
parameter only when it loads. Drivers made for a device, as qat_vfio_pci is, do not ask the list.

Change: `options vfio-pci disable_denylist=1`, if you trust the guest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice, Attempt, Blocked, Kind, bind_errno
from vfioguard.fact import Fact
from vfioguard.inference import borders
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.kernel.pci import denylist
from vfioguard.logic import Answer, Claim, ask
from vfioguard.report import Step


def _find(attempt: Attempt) -> Iterator[Blocked]:
    host = attempt.host
    parameter = host.snapshot.denylist
    if parameter is None:
        return
    for device in attempt.binding:
        number = device.uevent.value.pci_id if isinstance(device.uevent, Fact) else None
        if number not in denylist.ALL:
            continue
        border = borders.DENYLIST if number in denylist.QAT else borders.DENYLIST_SPR
        listed = host.has(border)
        is_set = Claim(f"{parameter} is set", f"{parameter} is not set")
        off = ask(is_set, parameter.effective, bool)
        blocks = False if listed is False or off.truth else None if listed is None else True
        if off.truth is None and blocks:
            blocks = None
        if blocks is not False:
            claim = f"the denylist of vfio-pci has {number}, the id of {device.name}"
            because = Answer(claim, blocks, (device.uevent, parameter.effective))
            errno = bind_errno(host, "EINVAL")
            yield Blocked(
                device=device.name,
                errno=errno,
                call=BIND,
                place=1,
                because=because,
            )


def _advise(_: Host, __: Members, ___: Sequence[Blocker]) -> Advice:
    return Advice(
        (
            Step(
                "The kernel lists the device for errata that may harm the host. If you trust the "
                "guest, let vfio-pci take it.",
                "/etc/modprobe.d/vfio.conf: options vfio-pci disable_denylist=1",
            ),
            Step(
                "Then load the module anew, or reboot. Built into the kernel, it takes this on the "
                "command line.",
                "modprobe -r vfio-pci && modprobe vfio-pci, or vfio_pci.disable_denylist=1",
            ),
        )
    )


BLOCKER = Kind(
    name="denylist",
    lasting=True,
    find=_find,
    rule="drivers/vfio/pci/vfio_pci.c vfio_pci_is_denylisted(), from v5.9 on (6.12.118)",
    advise=_advise,
    own=True,
)
