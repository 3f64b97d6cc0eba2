"""The integrated graphics are out of translation: by `igfx_off`, Debian's default, or a quirk.

Linux leaves out the graphics of some chipsets by itself (parts/broken_graphics.py). Then no word
brings them back, and no other device is concerned.

Change for a missing group: remove the word, or add `intel_iommu=on`; after a quirk another card.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import broken_graphics, no_group
from vfioguard.inference.host import Host
from vfioguard.kernel.iommu_class import driven
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport, Step

_RULE = (
    "drivers/iommu/intel/iommu.c intel_iommu_setup() igfx_off, intgpu_off (Debian's); all kernels"
)
_QUIRK = "drivers/iommu/intel/iommu.c quirk_iommu_igfx(); all kernels, for Broadwell since v5.4"
_CARD = Step("Give the guest another graphics card. Other devices of this host are not concerned.")


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if (
        device is None
        or not driven(host.snapshot.iommus, "intel")
        or not no_group.integrated(device)
    ):
        return None
    quirk = broken_graphics.left_out(host, device)
    if quirk is not None:
        return Caused(
            sentence=(
                f"Linux leaves the integrated graphics {device.name} out of the IOMMU: those of "
                "this chipset fail behind one."
            ),
            rule=_QUIRK,
            because=quirk,
            change=(_CARD,),
            helps=False,
        )
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


def _takes_out(word: str) -> bool:
    name, _, value = word.partition("=")
    return name == "intel_iommu" and not {"igfx_off", "intgpu_off"}.isdisjoint(value.split(","))


def _rest(word: str) -> str:
    choices = [c for c in word.partition("=")[2].split(",") if c not in {"igfx_off", "intgpu_off"}]
    return f"intel_iommu={','.join(choices)}" if choices else ""


CAUSE = Cause("igfx_off", _applies, CHOSEN)
