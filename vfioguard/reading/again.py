"""Reading the whole host again: a part that stayed the same stays the same object."""

from __future__ import annotations

from vfioguard.reading.earlier import Earlier
from vfioguard.reading.take import Boot, boot, complete
from vfioguard.root import Root
from vfioguard.snapshot import Snapshot
from vfioguard.unchanged import keep


def take_again(root: Root, before: Snapshot, changed: frozenset[str] | None = None) -> Snapshot:
    """Read the host again. Every part that equals the part of `before` is that very object.

    `changed` names the devices that changed; None means that any may have. Directories are listed,
    and only those devices are read. All other devices, the log, and the parts that cannot change
    before the next boot are taken from `before`.
    """
    if changed is None:
        still = boot(root)
    else:
        still = Boot(
            kernel=before.kernel,
            acpi=before.acpi,
            machine=before.machine,
            processor=before.processor,
        )
    now = complete(root, still, Earlier(before, changed))
    if now.site is not None and before.site is not None:
        now.site.follow(before.site)
    return Snapshot(
        kernel=keep(now.kernel, before.kernel),
        parameters=keep(now.parameters, before.parameters),
        iommus=keep(now.iommus, before.iommus),
        interrupts=keep(now.interrupts, before.interrupts),
        groups=now.groups,  # kept one by one
        devices=keep(now.devices, before.devices),
        acpi=keep(now.acpi, before.acpi),
        wiring=keep(now.wiring, before.wiring),
        machine=keep(now.machine, before.machine),
        processor=keep(now.processor, before.processor),
        chipset=keep(now.chipset, before.chipset),
        modules=keep(now.modules, before.modules),
        container=keep(now.container, before.container),
        site=now.site,
        denylist=keep(now.denylist, before.denylist),
        unloadable=keep(now.unloadable, before.unloadable),
    )
