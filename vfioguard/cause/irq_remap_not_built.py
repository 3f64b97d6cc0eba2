"""The kernel was built without CONFIG_IRQ_REMAP.

Change on x86: boot a kernel that has it.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.logic import ask
from vfioguard.report import Step


def _caused(host: Host) -> Caused | None:
    config = host.snapshot.kernel.config
    if not isinstance(config, Fact) or config.value["IRQ_REMAP"] != "n":
        return None
    return Caused(
        sentence="Interrupt remapping is off: this kernel was built without CONFIG_IRQ_REMAP.",
        rule="drivers/iommu/Kconfig IRQ_REMAP; all kernels",
        because=ask("this kernel was built with CONFIG_IRQ_REMAP", config, lambda _: False),
        change=(
            Step(
                "Boot a kernel that is built with CONFIG_IRQ_REMAP=y; distributions' own are.",
                "CONFIG_IRQ_REMAP=y",
            ),
        ),
    )


CAUSE = why.of_remapping("irq_remap_not_built", _caused, CHOSEN)
