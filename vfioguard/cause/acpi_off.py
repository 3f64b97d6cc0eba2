"""`acpi=off`: without ACPI the kernel has no table that describes a remapping unit.

Change on x86: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import options, switched_off, why
from vfioguard.inference.host import Host


def _caused(host: Host) -> Caused | None:
    chosen = [word for word in options.words(host) if word in {"acpi=off", "acpi=force"}]
    if chosen[-1:] != ["acpi=off"]:
        return None
    return switched_off.caused(
        host,
        sentence="Interrupt remapping is off: acpi=off on the kernel command line.",
        rule="arch/x86/kernel/acpi/boot.c parse_acpi(): no DMAR or IVRS is read; all kernels",
        remove=("acpi=off",),
    )


CAUSE = why.of_remapping("acpi_off", _caused, CHOSEN)
