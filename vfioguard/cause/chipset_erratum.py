"""Intel's 5500, 5520 and X58 of an early revision: Linux keeps interrupt remapping off.

Change on x86: nothing: Linux keeps remapping off on it; use another machine.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import tables, why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.pci import chipset
from vfioguard.logic import Answer, ask

_LINE = "This system BIOS has enabled interrupt remapping"


def _caused(host: Host) -> Caused | None:
    bridge = host.snapshot.chipset
    claim = "Linux remaps interrupts on this chipset"
    if isinstance(bridge, Fact) and chipset.broken(bridge.value):
        identity, revision = bridge.value
        return _of(f"{identity}, revision {revision:#x}", ask(claim, bridge, lambda _: False))
    lines = [line for line in tables.log(host) if _LINE in line]
    return _of("the kernel's log says so", tables.logged(host, claim, lines)) if lines else None


def _of(which: str, because: Answer) -> Caused:
    return Caused(
        sentence=f"Interrupt remapping is off: this chipset has an erratum ({which}), and Linux "
        "keeps remapping off on it; no setting helps.",
        rule="arch/x86/kernel/early-quirks.c intel_remapping_check(); all kernels",
        because=because,
        change=(),
        helps=False,
    )


CAUSE = why.of_remapping("chipset_erratum", _caused)
