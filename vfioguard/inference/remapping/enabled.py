"""x86's `irq_remapping_enabled`: one machine-wide switch that no file shows (policy.md 4.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vfioguard.fact import Fact, Reading
from vfioguard.inference import era
from vfioguard.inference.chips import GENERIC, REMAPPING
from vfioguard.inference.witnesses import Witnesses
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.kernel.identity import cmdline
from vfioguard.kernel.identity.config import Config
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.interrupts.irq_domains import IrqDomain
from vfioguard.logic import Answer, Claim, agree, ask, some
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.log import Log

CLAIM = Claim(
    "interrupt remapping is enabled on this machine",
    "interrupt remapping is off",
    "it is not known whether interrupt remapping is on",
)
_OPTION = Claim(
    "the command line leaves interrupt remapping on",
    "the command line turns interrupt remapping off",
)
_CONFIG = Claim(
    "this kernel can remap interrupts", "this kernel is built without interrupt remapping"
)
_LOG = Claim(
    "the kernel's log reports remapping",
    "the kernel's log says that interrupt remapping is off",
    "the kernel's log does not tell whether interrupts are remapped",
)
_NOT_REFUSED = Claim(
    "no attach was refused because interrupts are not remapped",
    "an attach was refused because interrupts are not remapped",
)
_CHIPSET = Claim(
    "Linux remaps interrupts on this chipset (5500, 5520, X58)",
    "Linux does not remap interrupts on this chipset (erratum of 5500, 5520, X58)",
)
_IRES = Claim(
    "every Intel unit translates interrupts (GSTS.IRES)",
    "an Intel unit does not translate interrupts (GSTS.IRES)",
)
_PROC = Claim(
    "the wired interrupts of /proc/interrupts are remapped",
    "the wired interrupts of /proc/interrupts are not remapped",
)
_SOME_UNIT = Claim(
    "a unit of this machine can remap interrupts",
    "no unit of this machine can remap interrupts (ECAP.IR)",
)

# policy.md 3.6: the lines that drivers print once remapping is decided.
_LOG_ON = ("DMAR-IR: Enabled IRQ remapping in ", "AMD-Vi: Interrupt remapping enabled")
_LOG_OFF = (
    "DMAR-IR: Failed to enable irq remapping",
    # The first of five lines; /dev/kmsg has all five in one, with \\x0a between them.
    "DMAR-IR: This system BIOS has enabled interrupt remapping",
    "This system BIOS has enabled interrupt remapping",
    "Not enabling interrupt remapping",
    "DMAR-IR: Not enabling interrupt remapping",
    "AMD-Vi: Disabling interrupt remapping",
)
# These follow a prefix that the command line changes: "[Firmware Bug]: " or none. The first one is
# parse_ioapics_under_ir()'s, the second check_ioapic_information()'s (5.10.223 to 7.3.4).
_LOG_OFF_WITHIN = (" has no mapping iommu", ": No southbridge IOAPIC found")
_REFUSED = "vfio_iommu_type1_attach_group: No interrupt remapping support"


def enabled(snapshot: Snapshot, witnesses: Witnesses, units: Collection[str]) -> Answer:
    """Whether remapping is on, by all witnesses together.

    `units` are the names of the remapping units that manage a device.
    """
    return agree(CLAIM, _witnesses(snapshot, witnesses, units))


def _witnesses(
    snapshot: Snapshot, witnesses: Witnesses, units: Collection[str]
) -> Iterator[Answer]:
    remapped, unmapped = _device_witnesses(witnesses, units)
    live = [*([] if remapped is None else [remapped]), *_hardware(snapshot), *_wired(snapshot)]
    yield from live
    yield ask(_OPTION, snapshot.kernel.cmdline, _option)
    yield ask(_CONFIG, snapshot.kernel.config, _configured)
    if snapshot.interrupts.log is not None:
        yield ask(_LOG, snapshot.interrupts.log, _logged)
        yield from _refused(snapshot, snapshot.interrupts.log)
    if remapped is None and unmapped is not None:
        # The kernel tolerates a DRHD that is hot-added without IR (dmar_ir_hotplug()). So a device
        # without remapping speaks for the machine only if no other device shows the contrary.
        yield unmapped
    if not any(answer.truth for answer in live):
        # Our copy of the kernel's rules never stands against the kernel's own word
        # (finding/firmware_disagrees.py).
        yield from by_rules(snapshot)


def by_rules(snapshot: Snapshot) -> Iterator[Answer]:
    """The answers that the kernel's rules give for registers, tables and chipset."""
    yield from _incapable(snapshot)
    yield _by_firmware(snapshot)
    if snapshot.chipset is not None:
        from vfioguard.kernel.pci import chipset

        yield ask(
            _CHIPSET,
            snapshot.chipset,
            lambda chipset_id: False if chipset.broken(chipset_id) else None,
        )


def _device_witnesses(
    witnesses: Witnesses, units: Collection[str]
) -> tuple[Answer | None, Answer | None]:
    """The answer by a device with remapped MSIs, and by one without them behind the only unit."""
    remapped = unmapped = None
    device = witnesses.by_family.get(REMAPPING)
    if device is not None and device.chip is not None:
        remapped = ask(f"{device.name} has remapped MSIs", device.chip, lambda _: True)
    device = witnesses.behind(min(units), GENERIC) if len(units) == 1 else None
    if device is not None and device.chip is not None:
        who = f"{device.name}, behind {min(units)},"
        claim = Claim(f"{who} has remapped MSIs", f"{who} has MSIs that are not remapped")
        unmapped = ask(claim, device.chip, lambda _: False)
    return remapped, unmapped


def _hardware(snapshot: Snapshot) -> Iterator[Answer]:
    """The answers of debugfs, if the kernel has it: the flag, and the hardware's state bit."""
    domains = snapshot.interrupts.domains
    for domain in domains.value if isinstance(domains, Fact) else ():
        if isinstance(domain, Fact) and domain.value.remapping:
            which = f"irq domain {domain.value.name}"
            claim = Claim(f"{which} isolates MSIs", f"{which} does not isolate MSIs")
            yield ask(claim, domain, _isolated)
    if isinstance(snapshot.interrupts.ir_translation, Fact):
        yield ask(_IRES, snapshot.interrupts.ir_translation, bool)


def _isolated(domain: IrqDomain) -> bool | None:
    return domain.isolated or None  # before v6.3 a remapping domain does not carry the flag


def _wired(snapshot: Snapshot) -> Iterator[Answer]:
    """The answers by wired interrupts on IR-IO-APIC or IO-APIC: sysfs and /proc/interrupts."""
    trusted = _speaks_for_remapping(snapshot)
    for entry in snapshot.interrupts.wired:
        which = f"irq {entry.irq}"
        claim = Claim(f"{which} is remapped", f"{which} is not remapped")
        yield ask(claim, entry.chip, lambda c: _io_apic((c,), trusted))
    proc = snapshot.interrupts.proc
    yield ask(_PROC, proc, lambda chips: _io_apic(tuple(chips.values()), trusted))


def _io_apic(chips: tuple[str, ...], trusted: bool) -> bool | None:
    if any(chip.startswith("IR-") for chip in chips):
        # Hyper-V remaps the IO-APIC alone, under the same name (policy.md 4.1, X2).
        return True if trusted else None
    return False if any("IO-APIC" in chip for chip in chips) else None


def _speaks_for_remapping(snapshot: Snapshot) -> bool:
    units = snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ()
    owned = any(unit.driver and unit.driver.remaps_interrupts for unit in units)
    hypervisor: Reading[str] = snapshot.kernel.hypervisor
    return owned and isinstance(hypervisor, Fact) and not hypervisor.value


def _option(words: tuple[str, ...]) -> bool | None:
    return False if cmdline.remapping_disabled(words) else None


def _configured(config: Config) -> bool | None:
    return False if config["IRQ_REMAP"] == "n" else None


def _logged(log: Log) -> bool | None:
    on = any(line.startswith(_LOG_ON) for line in log)
    off = any(line.startswith(_LOG_OFF) or _off_within(line) for line in log)
    return on if on != off else None


def _off_within(line: str) -> bool:
    ours = line.startswith(("DMAR-IR: ", "AMD-Vi: "))
    return ours and any(words in line for words in _LOG_OFF_WITHIN)


def _refused(snapshot: Snapshot, log: Reading[Log]) -> Iterator[Answer]:
    """An answer if the log shows a refused attach: from v4.11 to v6.2 the test is machine-wide.

    drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_attach_group() (6.1.176): the kernel writes the
    line only if neither the MSI domains nor the IOMMU driver isolate. The driver's answer is
    `irq_remapping_enabled` (intel_iommu_capable(), amd_iommu_capable()), which boot decides.
    """
    if era.decides_by(snapshot, Predicate.CHECK_MSI_REMAP).truth:
        yield ask(_NOT_REFUSED, log, lambda lines: False if refused(lines) else None)


def refused(log: Log) -> bool:
    """Whether type1 refused a group for its interrupts; the line does not name the group."""
    return any(line.startswith(_REFUSED) for line in log)


def _incapable(snapshot: Snapshot) -> Iterator[Answer]:
    """An answer with the truth False if no Intel unit can remap.

    One unit that cannot proves nothing, because it may have been added after boot.
    """
    parts: list[Answer] = []
    for unit in snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ():
        ecap = unit.attributes.get("intel-iommu/ecap")
        if ecap is not None:
            parts.append(ask(able(unit.name), ecap, capable))
    if parts:
        yield some(_SOME_UNIT, parts)


def able(unit: str) -> Claim:
    """The claim that a unit can remap interrupts at all."""
    return Claim(
        f"{unit} can remap interrupts (ECAP.IR)",
        f"{unit} cannot remap interrupts (ECAP.IR is clear)",
    )


def capable(ecap: int) -> bool | None:
    """False if a unit cannot remap (ECAP.IR is clear); else None, as it need not do what it can."""
    return None if ecap & ECAP_IR else False


def _by_firmware(snapshot: Snapshot) -> Answer:
    """The tables' answer: they can prove that remapping is off (policy.md 4.1, X8), never on."""
    from vfioguard.inference.remapping import allowed

    return allowed.of_host(snapshot).witness()
