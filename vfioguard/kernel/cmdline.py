"""/proc/cmdline: the kernel's options; only those that bear on isolation are kept.

Documentation/admin-guide/kernel-parameters.txt. A command line also holds names of disks and
sometimes keys, which are nobody's business: they are dropped where they are read.
"""

from __future__ import annotations

import re

from vfioguard.fact import Reading
from vfioguard.root import Root, reading

PATH = "/proc/cmdline"
_LIMIT = 4096 * 4
# lib/cmdline.c next_arg(): blanks inside double quotes do not end an option.
_WORD = rb'(?:[^\s"]|"[^"]*"?)+'

_BARE = frozenset(b"nointremap noapic nolapic disable_apic disableapic nox2apic".split())
_KEYS = frozenset(
    b"intremap intel_iommu amd_iommu iommu iommu.passthrough iommu.strict pci acpi "
    b"irqchip.gicv3_nolpi ivrs_ioapic ivrs_hpet ivrs_acpihid "
    b"vfio_iommu_type1.allow_unsafe_interrupts iommufd.allow_unsafe_interrupts "
    b"vfio.enable_unsafe_noiommu_mode vfio_pci.enable_sriov vfio_pci.disable_denylist".split()
)


def select(raw: bytes) -> bytes:
    """Keep the options that the policies know; the module may be written with dashes.

    What follows a lone "--" is for init (kernel/params.c parse_args()).
    """
    kept: list[bytes] = []
    for quoted in re.findall(_WORD, raw) if b'"' in raw else raw.split():
        word = quoted.replace(b'"', b"")
        if word == b"--":
            break
        if _known(word) and word.split() == [word]:
            kept.append(word)
    return b" ".join(kept) + b"\n"


def _known(word: bytes) -> bool:
    name, equals, _ = word.partition(b"=")
    name = name.partition(b"[")[0].replace(b"-", b"_")
    return name in _KEYS if equals else name in _BARE or name in _KEYS


def parse(raw: bytes) -> tuple[str, ...]:
    """The options in their order: where one is repeated, the kernel takes the last."""
    return tuple(word.decode("ascii", "backslashreplace") for word in raw.split())


def read(root: Root) -> Reading[tuple[str, ...]]:
    """The kept options of the running kernel."""
    return reading(root, PATH, parse, _LIMIT, select)


def remapping_disabled(words: tuple[str, ...]) -> bool:
    """`intremap=` (a comma list) and `nointremap`: the last one wins; `noapic` always does.

    drivers/iommu/irq_remapping.c setup_irqremap() compares beginnings, so "offline" is off; noapic
    skips the IO-APICs, and remapping is then not attempted (drivers/iommu/intel/irq_remapping.c).
    """
    off = False
    for word in words:
        name, _, value = word.partition("=")
        if name == "noapic":
            return True
        if name == "nointremap":
            off = True
        elif name == "intremap":
            for choice in value.split(","):
                off = choice.startswith("off") or (off and not choice.startswith("on"))
    return off
