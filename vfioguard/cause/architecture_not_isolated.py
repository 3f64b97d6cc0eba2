"""No MSI controller of this architecture isolates: RISC-V, LoongArch.

Change on Arm and others: nothing.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport

_NAMES = {"riscv64": "RISC-V", "riscv32": "RISC-V", "loongarch64": "LoongArch"}


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    arch = host.snapshot.kernel.arch
    name = _NAMES.get(arch.value) if isinstance(arch, Fact) else None
    if group is None or members is None or members.group.noiommu or name is None:
        return None
    return Caused(
        sentence=f"MSIs are not isolated: no controller of {name} does it. No setting helps.",
        rule="msi_device_has_isolated_msi(): no irqchip of it sets the flag, up to 7.3",
        because=ask(f"some MSI domain of {name} isolates MSIs", arch, lambda _: False),
        change=(),
        helps=False,
    )


CAUSE = Cause("architecture_not_isolated", _applies)
