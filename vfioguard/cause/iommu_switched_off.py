"""`intel_iommu=off`, `amd_iommu=off`, `iommu=off` or `acpi=off` leaves the IOMMU off.

Change for a missing group: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport

_RULE = (
    "intel_iommu_setup(), parse_amd_iommu_options() in drivers/iommu/, and iommu_setup() in "
    "arch/x86/kernel/pci-dma.c; all kernels"
)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    off = tuple(dict.fromkeys(_off(host)))
    if not off:
        return None
    intel = no_group.maker(host) == no_group.INTEL
    add = ("intel_iommu=on",) if intel and not _on_by_default(host) else ()
    named = " and ".join(off)
    return Caused(
        sentence=f"The IOMMU is switched off: {named} on the kernel command line.",
        rule=_RULE,
        because=ask(
            f"the kernel may use an IOMMU in spite of {named}",
            host.snapshot.kernel.cmdline,
            lambda _: False,
        ),
        change=(edit(host, add=add, remove=off),),
    )


def _off(host: Host) -> list[str]:
    """The words that leave the IOMMU of this machine off; none of them can be undone by another."""
    amd = no_group.maker(host) != no_group.INTEL
    intel = no_group.maker(host) not in no_group.AMD
    switched = intel and no_group.wanted(host) is False
    words: list[str] = []
    for word in no_group.words(host):
        name, _, value = word.partition("=")
        choices = value.split(",")
        off = any(choice.startswith("off") for choice in choices)
        if (
            (name == "iommu" and off)
            or (name == "amd_iommu" and off and amd)
            or (name == "intel_iommu" and off and switched)
        ):
            words.append(word)
    acpi = [word for word in no_group.words(host) if word in {"acpi=off", "acpi=force"}]
    return [*words, "acpi=off"] if acpi[-1:] == ["acpi=off"] else words


def _on_by_default(host: Host) -> bool:
    return "y" in {
        no_group.option(host, "INTEL_IOMMU_DEFAULT_ON"),
        no_group.option(host, "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF"),
    }


CAUSE = Cause("iommu_switched_off", _applies, CHOSEN)
