"""/proc/cmdline: the kernel's options; only those that bear on isolation are kept.

Documentation/admin-guide/kernel-parameters.txt. A command line also holds names of disks and
sometimes keys. They are private, so `select` drops them as soon as they are read.
"""

from __future__ import annotations

import re

from vfioguard.fact import Reading, printable_bytes
from vfioguard.root import Root, reading

PATH = "/proc/cmdline"
_LIMIT = 4096 * 4
#: The words that leave the local APICs off; the value does not matter.
LOCAL_APIC_OFF = frozenset({"nolapic", "disableapic"})
# lib/cmdline.c next_arg(): blanks inside double quotes do not end an option.
_WORD = rb'(?:[^\s"]|"[^"]*"?)+'

_BARE = frozenset(b"nointremap noapic apic nosmp nolapic disable_apic disableapic nox2apic".split())
_KEYS = frozenset(
    b"intremap maxcpus intel_iommu amd_iommu iommu iommu.passthrough iommu.strict pci acpi "
    b"irqchip.gicv3_nolpi pcie_acs_override ivrs_ioapic ivrs_hpet ivrs_acpihid "
    b"vfio_iommu_type1.allow_unsafe_interrupts iommufd.allow_unsafe_interrupts "
    b"vfio.enable_unsafe_noiommu_mode vfio_pci.enable_sriov vfio_pci.disable_denylist "
    b"module_blacklist".split()
)


def select(raw: bytes) -> bytes:
    """Keep the options that the policies know. A module's name may have dashes for underscores.

    Words after a lone "--" are for init (kernel/params.c parse_args()).
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
    """The options in their order, in which the last of the same name counts for the kernel."""
    return tuple(printable_bytes(word) for word in raw.split())


def read(root: Root) -> Reading[tuple[str, ...]]:
    """The kept options of the running kernel."""
    return reading(root, PATH, parse, _LIMIT, select)


def remapping_disabled(words: tuple[str, ...]) -> bool:
    """Whether the options leave interrupt remapping off.

    The last of `intremap=` (a list with commas) and `nointremap` counts. setup_irqremap() in
    drivers/iommu/irq_remapping.c compares beginnings, so "offline" means off.
    """
    off = False
    for word in words:
        name, _, value = word.partition("=")
        if name == "nointremap":
            off = True
        elif name == "intremap":
            for choice in value.split(","):
                off = choice.startswith("off") or (off and not choice.startswith("on"))
    return off or _io_apics_skipped(words) or _acpi_off(words)


def _io_apics_skipped(words: tuple[str, ...]) -> bool:
    """Whether the kernel does not use IO-APICs or local APICs: then it does not try to remap.

    arch/x86/kernel/apic/apic.c enable_IR_x2apic() and, for nolapic and disableapic, which are one
    option (setup_nolapic()), apic_intr_mode_init(). nosmp and maxcpus=0 do what noapic does
    (kernel/smp.c, arch/x86/kernel/smpboot.c arch_disable_smp_support()). A later `apic` undoes it
    (apic_set_verbosity()). acpi=noirq and pci=noacpi are not such options: the kernel only does not
    register the MADT's IO-APICs (5.10.223 to 7.3.4).
    """
    skipped = False
    for word in words:
        name, _, value = word.partition("=")
        if name in LOCAL_APIC_OFF:
            return True
        if name in {"noapic", "nosmp"} or (name == "maxcpus" and _is_zero(value)):
            skipped = True
        elif word == "apic":
            skipped = False
    return skipped


def _acpi_off(words: tuple[str, ...]) -> bool:
    """Whether the last of acpi=off and acpi=force is off. Without ACPI there is no DMAR or IVRS."""
    last = [word for word in words if word in {"acpi=off", "acpi=force"}][-1:]
    return last == ["acpi=off"]


def _is_zero(number: str) -> bool:
    """Whether get_option() reads zero: "0", "00", "0x0"."""
    return number != "" and not number.lower().removeprefix("0x").strip("0")
