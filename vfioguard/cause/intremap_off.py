"""`intremap=off` or `nointremap` leaves interrupt remapping off.

Change on x86: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import options, switched_off, why
from vfioguard.inference.host import Host


def _caused(host: Host) -> Caused | None:
    words = options.words(host)
    winner = options.decides(words)
    if winner is None:
        return None
    off = tuple(dict.fromkeys(word for word in words if options.switches_off(word)))
    kept = (options.without_off(word) for word in off)
    return switched_off.caused(
        host,
        sentence=f"Interrupt remapping is off: {winner} on the kernel command line.",
        rule="drivers/iommu/irq_remapping.c setup_irqremap(): the last choice counts; all kernels",
        remove=off,
        add=tuple(rest for rest in kept if rest is not None),
    )


CAUSE = why.of_remapping("intremap_off", _caused, CHOSEN)
