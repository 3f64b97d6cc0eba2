"""The ITS of a GICv3 works, or is switched off."""

from __future__ import annotations

from vfioguard.acpi.parts.madt_arm import GicIts, GicV5Its
from vfioguard.assumption import (
    Assumption,
    NotHere,
    source,
    with_words,
    without_chips,
    without_words,
)
from vfioguard.fact import Fact
from vfioguard.inference import tables
from vfioguard.inference.msi_domain.devicetree_controllers import kinds
from vfioguard.inference.msi_domain.its import V3, V5
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.identity.arch import is_arm
from vfioguard.snapshot import Snapshot

#: drivers/irqchip/irq-gic-v3.c gicv3_nolpi_cfg().
_OPTION = "irqchip.gicv3_nolpi"
#: its_cpu_init_lpis() prints it if and only if an ITS works.
_USED = "GICv3: CPU0: using allocated LPI pending table @"


def _assume(snapshot: Snapshot, on: bool) -> Snapshot:
    if not is_arm(snapshot.kernel.arch):
        raise NotHere("its is a state of an Arm, which this host is not")
    if on and (shown := _firmware_without(snapshot)) is not None:
        raise NotHere(
            f"its=on cannot be: the firmware shows no ITS that is enabled ({shown}), and no "
            "setting of Linux adds one; a guest gets one from its virtual machine (its=on)"
        )
    where = source("its", on)
    changed = without_chips(without_words(snapshot, (_OPTION,)), where)
    lines = (_USED,) if on else ()
    log = Fact(lines, "\n".join(lines).encode(), where)
    changed = changed._replace(interrupts=changed.interrupts._replace(log=log))
    cmdline = changed.kernel.cmdline
    if on or not isinstance(cmdline, Fact):
        return changed
    return with_words(changed, (*cmdline.value, f"{_OPTION}=1"))


def _firmware_without(snapshot: Snapshot) -> str | None:
    """The table or tree that shows no ITS. Returns None if one is shown, or it is not known."""
    if devicetree_boot(snapshot.acpi):
        tree = None if snapshot.wiring is None else snapshot.wiring.nodes
        if not isinstance(tree, Fact):
            return None
        nodes = tree.value.values()
        itss = [node for node in nodes if node.enabled is not False and {V3, V5} & set(kinds(node))]
        return None if itss else tree.source
    madt = tables.madt(snapshot.acpi.madt)
    if not isinstance(madt, Fact):
        return None
    entries = [entry for entry in madt.value.entries if isinstance(entry, GicIts | GicV5Its)]
    return None if entries else madt.source


ASSUMPTION = Assumption("its", "the ITS of a GICv3", _assume)
