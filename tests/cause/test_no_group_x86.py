"""Why an x86 uses no IOMMU: its firmware, its command line, its kernel, its hypervisor."""

from __future__ import annotations

import pytest

from tests.support.causing import without_group, words
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, ivhd, ivrs, madt
from tests.test_without_group import untranslated
from vfioguard.kernel.log import DMESG
from vfioguard.report import CauseReport
from vfioguard.root.memory import Entry

TABLES = "/sys/firmware/acpi/tables"
EVERYTHING, NOBODY = drhd(0xFED90000, flags=1), drhd(0xFED90000, (3, 0, 0xFF, [(0, 0)]))
INTEL = b"vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nflags\t\t: fpu vme\n"
AMD = INTEL.replace(b"GenuineIntel", b"AuthenticAMD")
GUEST = INTEL.replace(b"vme", b"vme hypervisor")
DMI = "/sys/class/dmi/id"


def host(
    *, cpu: bytes = INTEL, vendor: bytes = b"Acme", product: bytes = b"Box", **tables: bytes
) -> dict[str, Entry]:
    """A host without groups whose firmware has these tables."""
    entries = untranslated() | {
        "/proc/cpuinfo": cpu,
        f"{TABLES}/FACP": b"FACP",
        f"{DMI}/sys_vendor": vendor + b"\n",
        f"{DMI}/product_name": product + b"\n",
    }
    return entries | {f"{TABLES}/{name}": raw for name, raw in tables.items()}


def config(entries: dict[str, Entry], lines: bytes) -> dict[str, Entry]:
    path = next(path for path in entries if path.startswith("/boot/config-"))
    content = entries[path]
    assert isinstance(content, bytes)
    return entries | {path: content + lines}


def only(causes_: dict[str, CauseReport]) -> CauseReport:
    (cause,) = causes_.values()
    return cause


@pytest.mark.parametrize(
    ("vendor", "cpu", "item"),
    [
        (b"Supermicro", INTEL, "Intel VT for Directed I/O (VT-d)"),
        (b"Micro-Star International Co., Ltd.", INTEL, "Intel(R) VT-d"),
        (b"HPE", INTEL, "IntelProcVtd"),
        (b"HPE", AMD, "ProcAmdIoVt"),
        (b"Dell Inc.", INTEL, "ProcVirtualization"),
        (b"Acme", INTEL, "Intel Virtualization Technology for Directed I/O"),
        (b"Acme", AMD, "IOMMU, or AMD-Vi"),
    ],
)
def test_without_a_table_firmware_is_to_be_asked_in_its_makers_words(
    vendor: bytes, cpu: bytes, item: str
) -> None:
    cause = without_group(host(cpu=cpu, vendor=vendor))["firmware_iommu_off"]
    assert item in (cause.change[0].where or "")
    edits = [step for step in cause.change if "intel_iommu=on" in step.do]
    assert bool(edits) is (cpu is INTEL)


def test_a_table_means_that_the_system_leaves_it_off() -> None:
    cause = only(without_group(host(DMAR=dmar(EVERYTHING))))
    assert cause.name == "iommu_not_switched_on"
    assert "Add `intel_iommu=on`" in cause.change[0].do


@pytest.mark.parametrize(
    ("cmdline", "removed"),
    [
        (b"intel_iommu=off", "`intel_iommu=off`"),
        (b"intel_iommu=on,off", "`intel_iommu=on,off`"),
        (b"intel_iommu=on intel_iommu=off", "`intel_iommu=off`"),
        (b"iommu=off", "`iommu=off`"),
        (b"intel_iommu=on iommu=pt,off", "`iommu=pt,off`"),
        (b"acpi=off", "`acpi=off`"),
    ],
)
def test_the_word_that_switches_intels_off_is_named(cmdline: bytes, removed: str) -> None:
    cause = without_group(host(DMAR=dmar(EVERYTHING)), words=cmdline)["iommu_switched_off"]
    assert removed in cause.change[0].do.partition(" from ")[0]


def test_a_later_word_undoes_an_earlier_one() -> None:
    told = without_group(host(DMAR=dmar(EVERYTHING)), words=b"intel_iommu=off intel_iommu=on")
    assert "iommu_switched_off" not in told
    assert list(told) == ["iommu_not_started"]


def test_amds_word_counts_on_amds_machine_alone() -> None:
    amd, intel = host(cpu=AMD, IVRS=ivrs(ivhd())), host(DMAR=dmar(EVERYTHING))
    assert "iommu_switched_off" in without_group(amd, words=b"amd_iommu=off")
    assert "iommu_switched_off" not in without_group(intel, words=b"amd_iommu=off")
    assert "iommu_switched_off" not in without_group(amd, words=b"intel_iommu=off")


@pytest.mark.parametrize("option", ["INTEL_IOMMU_DEFAULT_ON", "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF"])
def test_a_kernel_that_switches_it_on_by_default_lacks_no_word(option: str) -> None:
    entries = config(host(DMAR=dmar(EVERYTHING)), f"CONFIG_{option}=y\n".encode())
    assert list(without_group(entries)) == ["iommu_not_started"]
    (off,) = without_group(entries, words=b"intel_iommu=off").values()
    assert off.change[0].do.startswith("Remove `intel_iommu=off` from")
    assert "add" not in off.change[0].do


def test_a_kernel_without_the_driver_is_named() -> None:
    entries = config(host(DMAR=dmar(EVERYTHING)), b"# CONFIG_INTEL_IOMMU is not set\n")
    assert only(without_group(entries)).name == "iommu_not_built"


def test_amd_iommu_on_does_nothing_on_intel() -> None:
    cause = only(without_group(host(DMAR=dmar(EVERYTHING)), words=b"amd_iommu=on"))
    assert cause.name == "amd_iommu_on_intel"
    assert "`amd_iommu=on`" in cause.change[0].do
    assert "`intel_iommu=on`" in cause.change[0].do
    assert "amd_iommu_on_intel" not in without_group(host(cpu=AMD), words=b"amd_iommu=on")


def test_nolapic_keeps_intels_from_starting() -> None:
    told = without_group(host(DMAR=dmar(EVERYTHING)), words=b"intel_iommu=on nolapic")
    assert "Remove `nolapic`" in only(told).change[0].do


def test_a_dmar_may_serve_no_function() -> None:
    told = without_group(host(DMAR=dmar(NOBODY)), words=b"intel_iommu=on")
    assert only(told).name == "dmar_without_devices"


@pytest.mark.parametrize(
    ("vendor", "product", "name", "helps"),
    [
        (b"QEMU", b"Standard PC (Q35 + ICH9, 2009)", "qemu_without_iommu", True),
        (b"Red Hat", b"KVM", "qemu_without_iommu", True),
        (b"VMware, Inc.", b"VMware7,1", "vmware_without_iommu", True),
        (b"Microsoft Corporation", b"Virtual Machine", "hyperv_without_iommu", False),
        (b"Amazon EC2", b"m5.large", "cloud_without_iommu", False),
        (b"Google", b"Google Compute Engine", "cloud_without_iommu", False),
        (b"Xen", b"HVM domU", "xen_owns_iommu", False),
        (b"innotek GmbH", b"VirtualBox", "hypervisor_without_iommu", False),
        (b"BHYVE", b"BHYVE", "hypervisor_without_iommu", False),
        (b"Cloud Hypervisor", b"cloud-hypervisor", "hypervisor_without_iommu", True),
        (b"Acme", b"Box", "hypervisor_without_iommu", False),
    ],
)
def test_a_guest_is_told_what_its_hypervisor_can_do(
    vendor: bytes, product: bytes, name: str, helps: bool
) -> None:
    cause = only(without_group(host(cpu=GUEST, vendor=vendor, product=product)))
    assert cause.name == name
    assert cause.helps is helps
    assert "firmware setup" not in words(cause)


def test_a_guest_of_qemu_can_hand_its_devices_on_once_its_iommu_caches() -> None:
    cause = only(without_group(host(cpu=GUEST, vendor=b"QEMU", product=b"Standard PC")))
    assert "-device intel-iommu,intremap=on,caching-mode=on" in words(cause)
    assert "caching_mode='on'" in words(cause)


@pytest.mark.parametrize(
    ("vendor", "product"),
    [
        (b"Amazon EC2", b"m5.metal"),
        (b"Alibaba Cloud", b"a machine of bare metal"),
        (b"Microsoft Corporation", b"Surface"),
        (b"Microsoft Corporation", b"Virtual Surface"),
        (b"Google", b"Eve"),
    ],
)
def test_bare_metal_of_a_maker_of_hypervisors_is_no_guest(vendor: bytes, product: bytes) -> None:
    told = without_group(host(vendor=vendor, product=product))
    assert list(told) == ["firmware_iommu_off"]


@pytest.mark.parametrize("oem", [b"BOCHS ", b"CLOUDH", b"VMWARE", b"VRTUAL", b"AMAZON", b"VBOX  "])
def test_the_maker_of_a_table_tells_a_guest_without_dmi(oem: bytes) -> None:
    table = madt(0).replace(b"OURSPC", oem)
    entries = host(APIC=table)
    del entries[f"{DMI}/sys_vendor"]
    assert "firmware_iommu_off" not in without_group(entries)


@pytest.mark.parametrize("vendor", [b"QEMU", b"VMware, Inc."])
def test_a_guest_with_a_virtual_iommu_that_is_off_is_told_so(vendor: bytes) -> None:
    guest = host(cpu=GUEST, vendor=vendor, DMAR=dmar(EVERYTHING))
    assert list(without_group(guest)) == ["iommu_not_switched_on"]
    assert list(without_group(guest, words=b"intel_iommu=off")) == ["iommu_switched_off"]


def test_tables_that_cannot_be_read_leave_the_cause_open() -> None:
    entries = {path: entry for path, entry in host().items() if not path.startswith(TABLES)}
    cause = only(without_group(entries))
    assert cause.name == "tables_unread"
    assert cause.because.truth is None


def test_a_host_that_uses_an_iommu_has_no_such_cause() -> None:
    assert without_group(x86_host(2)) == {}


GRAPHICS = "0000:00:02.0"


def graphics(pci_class: int = 0x030000, bridge: str = "0000:00:1f.0") -> dict[str, Entry]:
    """A host with VT-d whose integrated display is in no group; `bridge` is in one."""
    display = Function(GRAPHICS, chip="IR-PCI-MSIX", pci_class=pci_class)
    host = x86_host({0: [bridge], 1: [display]})
    gone = "/sys/kernel/iommu_groups/1/", f"/sys/devices/pci0000:00/{GRAPHICS}/iommu_group"
    return {
        path: entry
        for path, entry in host.items()
        if not path.startswith(gone) and not path.endswith(f"dmar0/devices/{GRAPHICS}")
    }


@pytest.mark.parametrize(
    ("cmdline", "edit"),
    [
        (b"intel_iommu=on,igfx_off", "Remove `intel_iommu=on,igfx_off` from"),
        (b"intel_iommu=igfx_off", "Remove `intel_iommu=igfx_off` from"),
        (b"intel_iommu=intgpu_off,on", "add `intel_iommu=on` to it"),
    ],
)
def test_graphics_that_a_word_takes_out_are_named(cmdline: bytes, edit: str) -> None:
    cause = without_group(graphics(), GRAPHICS, words=cmdline)["igfx_off"]
    assert edit in cause.change[0].do


def test_debians_default_takes_the_graphics_out() -> None:
    entries = config(graphics(), b"CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\n")
    assert "igfx_off" in without_group(entries, GRAPHICS)
    assert "igfx_off" not in without_group(entries, GRAPHICS, words=b"intel_iommu=on")


def of_chip(name: str, identity: bytes, host: dict[str, Entry]) -> dict[str, Entry]:
    path = next(path for path in host if path.endswith(f"/{name}/uevent"))
    raw = host[path]
    assert isinstance(raw, bytes)
    return host | {path: raw.replace(b"8086:10D3", b"8086:" + identity)}


DISABLED = b"pci 0000:00:%s: DMAR: Disabling IOMMU for graphics on this chipset\n"
NO_GTT = b"pci 0000:00:00.0: DMAR: BIOS has allocated no shadow GTT; disabling IOMMU for graphics\n"

SKIPPED = b"[    0.5] pci 0000:00:02.0: DMAR: Skip IOMMU disabling for graphics\n"


@pytest.mark.parametrize("words", [b"intel_iommu=on", b"intel_iommu=on,igfx_off"])
@pytest.mark.parametrize(
    "host",
    [
        of_chip(GRAPHICS, b"1616", graphics()),
        of_chip("0000:00:00.0", b"2A40", graphics(bridge="0000:00:00.0")),
        graphics() | {DMESG: b"[    0.506320] " + DISABLED % b"02.0"},
        graphics() | {DMESG: b"[    0.506320] " + DISABLED % b"00.0"},
        graphics() | {DMESG: b"[    0.506320] " + NO_GTT},
    ],
)
def test_graphics_that_linux_takes_out_itself_come_back_by_no_word(
    host: dict[str, Entry], words: bytes
) -> None:
    cause = only(without_group(host, GRAPHICS, words=words))
    assert cause.name == "igfx_off"
    assert cause.helps is False
    assert "another graphics card" in cause.change[0].do
    assert not any("emove" in step.do or "slot" in step.do for step in cause.change)


@pytest.mark.parametrize(
    "host",
    [
        graphics(),
        of_chip(GRAPHICS, b"1912", graphics()),
        of_chip("0000:00:00.0", b"0044", graphics(bridge="0000:00:00.0")),
        of_chip(GRAPHICS, b"1616", graphics(0x020000)),
        graphics()
        | {DMESG: b"[    0.5] pci 0000:00:02.0: DMAR: Skip IOMMU disabling for graphics\n"},
    ],
)
def test_graphics_of_other_chipsets_are_not_said_to_be_taken_out(host: dict[str, Entry]) -> None:
    assert list(without_group(host, GRAPHICS, words=b"intel_iommu=on")) == ["not_behind_iommu"]


def test_the_integrated_graphics_are_in_no_slot() -> None:
    cause = without_group(graphics(), GRAPHICS, words=b"intel_iommu=on")["not_behind_iommu"]
    assert "IOMMU for graphics" in (cause.change[0].where or "")
    assert "slot" not in words(cause)


def test_only_a_display_is_taken_out() -> None:
    told = without_group(graphics(0x020000), GRAPHICS, words=b"intel_iommu=on,igfx_off")
    assert list(told) == ["not_behind_iommu"]


def unrecorded() -> dict[str, Entry]:
    """A host whose groups somebody left out."""
    gone = ("/sys/kernel/iommu_groups", "/sys/devices/pci0000:01/0000:01:00.0/iommu_group")
    return {path: entry for path, entry in x86_host(1).items() if not path.startswith(gone)}


def test_a_list_that_was_not_recorded_leaves_the_function_open() -> None:
    assert "groups_unrecorded" in without_group(unrecorded(), "0000:01:00.0")
