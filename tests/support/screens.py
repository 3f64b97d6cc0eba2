"""Hosts that nobody recorded, each for a cause: those that the tests of the cause are about."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.cause import test_arm_msi as arm
from tests.cause import test_ivrs as amd
from tests.cause import test_members as members
from tests.cause import test_no_group_elsewhere as elsewhere
from tests.cause import test_no_group_x86 as nothing
from tests.cause import test_tables as intel
from tests.support import trees
from tests.support.arm_firmware import acpi_host, devicetree_host, iort, its_group, mapping, smmu_v3
from tests.support.arm_firmware import madt as gic
from tests.support.functions import Function, home
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, special
from vfioguard.cli import main
from vfioguard.judging.causes import why
from vfioguard.judging.evaluate import judge
from vfioguard.judging.holding import held_by
from vfioguard.output.explain.screen import screen
from vfioguard.reading.facts import facts
from vfioguard.reading.take import take
from vfioguard.report import Holder
from vfioguard.root.memory import Entry, Memory

HELD = Holder(pid=2211, name="qemu-system-x86", since=None)
_NIC = "0000:01:00.0"
_WHOLE = (special(4, amd.SOUTHBRIDGE), special(5, amd.IOMMU))
_VTD = dmar(nothing.EVERYTHING)


class Made(NamedTuple):
    """A host, and what somebody asks of it. `held`: a guest has group 0 open."""

    host: Callable[[], dict[str, Entry]]
    asked: tuple[str, ...] = ("explain", "group:0")
    held: bool = False


def _able(word: bytes) -> dict[str, Entry]:
    """A host that could remap interrupts, with a word on its command line that keeps it from it."""
    return intel.host(intel.plain()) | {"/proc/cmdline": b"quiet " + word + b"\n"}


def _smmu_not_used() -> dict[str, Entry]:
    table = iort(its_group(0), smmu_v3(mapping(0, 0xFFFF, 0, 48)))
    return elsewhere.alone(acpi_host({"APIC": gic(), "IORT": table}))


def _with_override() -> dict[str, Entry]:
    nic = Function(_NIC, "IR-PCI-MSIX", "e1000e")
    return x86_host({0: [nic]}) | {f"{home(nic)}/driver_override": b"nvidia\n"}


def _port() -> dict[str, Entry]:
    port = Function("0000:00:1c.0", "IR-PCI-MSI", "pcieport", 0x060400)
    return x86_host({0: [port, Function(_NIC, "IR-PCI-MSIX", "e1000e")]})


_ALONE = ("explain", _NIC)
#: Cause -> a host that has it.
MADE: dict[str, Made] = {
    "acpi_off": Made(lambda: _able(b"acpi=off")),
    "amd_iommu_off": Made(lambda: amd.host(*_WHOLE, cmdline=b"amd_iommu=off")),
    "bridge": Made(_port, ("check", "0000:00:1c.0")),
    "chipset_erratum": Made(intel.early_chipset),
    "cloud_without_iommu": Made(
        lambda: nothing.host(cpu=nothing.GUEST, vendor=b"Amazon EC2", product=b"m5.large"), _ALONE
    ),
    "dmar_rejected": Made(lambda: intel.host(intel.plain(base=0))),
    "firmware_iommu_off": Made(lambda: nothing.host(vendor=b"Supermicro"), _ALONE),
    "groups_unrecorded": Made(nothing.unrecorded, _ALONE),
    "held": Made(lambda: x86_host({0: [Function(_NIC, None, "vfio-pci")]}), held=True),
    "hypervisor_msi_domain": Made(
        lambda: x86_host({0: [members.NIC._replace(chip="HV-PCI-MSIX")]})
    ),
    "hypervisor_without_iommu": Made(
        lambda: nothing.host(cpu=nothing.GUEST, vendor=b"innotek GmbH", product=b"VirtualBox"),
        _ALONE,
    ),
    "igfx_off": Made(
        lambda: nothing.graphics() | {"/proc/cmdline": b"quiet intel_iommu=on,igfx_off\n"},
        ("explain", nothing.GRAPHICS),
    ),
    "io_apic_not_in_dmar": Made(lambda: intel.host(intel.plain(), 2, 9)),
    "io_apic_off": Made(lambda: _able(b"noapic")),
    "iommu_not_built": Made(
        lambda: nothing.config(nothing.host(DMAR=_VTD), b"# CONFIG_INTEL_IOMMU is not set\n"),
        _ALONE,
    ),
    "iommu_not_switched_on": Made(lambda: nothing.host(DMAR=_VTD), _ALONE),
    "irq_remap_not_built": Made(intel.without_irq_remap),
    "its_disabled": Made(lambda: devicetree_host(arm.DISABLED, log=arm.lines(arm.BEGUN))),
    "its_switched_off": Made(lambda: arm.SILENT),
    "ivrs_ioapic_wrong": Made(
        lambda: amd.host(special(5, amd.IOMMU), cmdline=b"ivrs_ioapic[4]=00:13.0")
    ),
    "ivrs_no_southbridge": Made(lambda: amd.host(special(4, 0x90), special(5, amd.IOMMU))),
    "ivrs_rejected": Made(lambda: amd.host(*_WHOLE, special(1, 0, variety=7))),
    "local_apic_off": Made(lambda: _able(b"nolapic")),
    "machine_wide_rule": Made(members.beside_an_open_controller),
    "module_not_loadable": Made(
        lambda: x86_host({0: [_NIC]}, cmdline=b"module_blacklist=vfio_pci")
    ),
    "no_matching_id": Made(_with_override, ("check", _NIC)),
    "not_bound": Made(lambda: x86_host({0: [_NIC]}), ("check", "--now", _NIC)),
    "remapping_off_unexplained": Made(lambda: intel.host(intel.plain())),
    "smmu_not_used": Made(_smmu_not_used, ("explain", elsewhere.FUNCTION)),
    "synquacer_pre_its": Made(arm.synquacer),
}


def shown(made: Made, directory: Path) -> str:
    """What the command prints about the host, which is put into `directory`."""
    if made.held:
        return _of_a_held_group(made.host())
    verb, *options = made.asked
    root = trees.write(directory, made.host())
    printed = io.StringIO()
    # Commands in the steps name the root: its length would change the lines.
    with contextlib.chdir(root), contextlib.redirect_stdout(printed):
        main([verb, "--root", ".", *options])
    return printed.getvalue()


def _of_a_held_group(entries: dict[str, Entry]) -> str:
    """The screen of group 0, which a process of this machine cannot be seen to hold."""
    judged = judge(take(Memory(entries)), "now", findings=False)
    group = held_by(judged.report.groups[0], (HELD,))
    known = facts(Memory(entries), [device.name for device in group.devices])
    lines = screen(judged.snapshot, judged.report, group, known, why(judged.host, group))
    return "".join(f"{line}\n" for line in lines)
