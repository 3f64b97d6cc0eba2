"""The kernel remaps interrupts although, by its own rules, the firmware's tables do not let it.

The verdicts follow the kernel. Either it skips an entry of a table for what only registers show, or
vfioguard's copy of the rules is not this kernel's: both are worth a look.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer, sources


def _find(host: Host) -> Iterator[Found]:
    acpi = host.snapshot.acpi
    if not host.is_x86 or (isinstance(acpi.dmar, Gap) and isinstance(acpi.ivrs, Gap)):
        return  # where there is no table no parser is loaded
    remapping = host.remapping
    if remapping.truth is not True:
        return
    from vfioguard.inference import remapping_possible

    firmware = remapping_possible.of_host(host.snapshot)
    if firmware.possible is False:
        tables = ", ".join(sources(firmware.answer))
        seen = next(sources(part)[0] for part in remapping.because if isinstance(part, Answer))
        yield Found(
            f"{'; '.join(firmware.reasons)} ({tables}), yet interrupts are remapped ({seen})",
            Answer("the tables allow what the kernel does", False, (remapping, firmware.answer)),
        )


FINDING = Finding("firmware_disagrees", "warning", _find)
