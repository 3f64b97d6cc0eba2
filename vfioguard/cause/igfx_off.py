"""`igfx_off`, or the default of Debian, takes the integrated graphics out of translation.

Change for a missing group: remove the word, or add `intel_iommu=on`, and reboot.
"""

from __future__ import annotations

from vfioguard.bdf import parse_bdf
from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import driven
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport

_RULE = (
    "drivers/iommu/intel/iommu.c intel_iommu_setup() igfx_off, intgpu_off (Debian's); all kernels"
)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if device is None or not driven(host.snapshot.iommus, "intel") or not _integrated(device):
        return None
    choices = list(no_group.choices(host))
    words = tuple(word for word in no_group.words(host) if _takes_out(word))
    default = no_group.option(host, "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF") == "y"
    if not words and (not default or any(choice.startswith("on") for choice in choices)):
        return None
    why = words[0] if words else "this kernel leaves it out by default"
    kept = tuple(rest for word in words if (rest := _rest(word)))
    return Caused(
        sentence=f"No IOMMU translates the integrated graphics {device.name}: {why}.",
        rule=_RULE,
        because=ask(f"{device.name} is translated", host.snapshot.kernel.cmdline, lambda _: False),
        change=(edit(host, add=kept or ("intel_iommu=on",), remove=words),),
    )


def _integrated(device: Device) -> bool:
    """Whether this is a display on the root bus."""
    address = parse_bdf(device.name)
    kind = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    return address is not None and address.bus == 0 and kind is not None and kind >> 16 == 3


def _takes_out(word: str) -> bool:
    name, _, value = word.partition("=")
    return name == "intel_iommu" and not {"igfx_off", "intgpu_off"}.isdisjoint(value.split(","))


def _rest(word: str) -> str:
    choices = [c for c in word.partition("=")[2].split(",") if c not in {"igfx_off", "intgpu_off"}]
    return f"intel_iommu={','.join(choices)}" if choices else ""


CAUSE = Cause("igfx_off", _applies, CHOSEN)
