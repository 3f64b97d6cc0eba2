"""What each predicate says of each platform: the tables of the kernel's eras, row by row."""

from __future__ import annotations

import errno

import pytest

from tests.support.functions import CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Choice, GroupReport, Report
from vfioguard.root.memory import Entry, Link, Memory, Refused
from vfioguard.verdict import Outcome

CAPABLE = "iommu_capable"
CHECK = "irq_domain_check_msi_remap"
ISOLATED = "iommu_group_has_isolated_msi"
SERIES = "vfio_safe_irq_domain"

BDF = "0000:01:00.0"
DEVICE = f"/sys/bus/pci/devices/{BDF}"


def report(host: dict[str, Entry], policy: str | None = None) -> Report:
    return evaluate(take(Memory(host)), "now", Choice(policy))


def answer(group: GroupReport) -> str:
    needed = group.headline.needs_override
    return {True: "refuse", False: "accept", None: "unknown"}[needed]


def only_group(host: dict[str, Entry], policy: str | None = None) -> GroupReport:
    (group,) = report(host, policy).groups
    return group


def said(host: dict[str, Entry], policy: str) -> str:
    return answer(only_group(host, policy))


INTX = Function(BDF, config=CONFIG_WITHOUT_MSI)
ASLEEP = INTX._replace(awake=False)


def s390_host() -> dict[str, Entry]:
    host = x86_host({0: [Function(BDF, "PCI-MSI")]}, remapping=False)
    host["/proc/sys/kernel/arch"] = b"s390x\n"
    return host


def without_iommu_driver(host: dict[str, Entry]) -> dict[str, Entry]:
    """The unit becomes a virtio-iommu's, which remaps nothing."""
    renamed = {path.replace("/dmar0", "/0000:00:0e.0"): entry for path, entry in host.items()}
    return {path: entry for path, entry in renamed.items() if "intel-iommu" not in path}


ROWS: list[tuple[str, dict[str, Entry], str, str, str, str]] = [
    # platform, host, v3.6, v4.11, v6.3, series
    ("x86 remapping on, MSI", x86_host(1), *["accept"] * 4),
    ("x86 remapping on, no MSI", x86_host(1, msis=False), *["accept"] * 4),
    (
        "x86 remapping on, not a PCI device",
        x86_host({0: ["QEMU0002:00"], 1: [BDF]}),
        "accept",
        "accept",
        "refuse",
        "accept",
    ),
    ("AMD remapping on, no MSI", x86_host(1, msis=False, vendor="amd"), *["accept"] * 4),
    ("x86 remapping off, MSI", x86_host(1, remapping=False), *["refuse"] * 4),
    (
        "x86 remapping off, INTx only",
        x86_host({0: [INTX]}, remapping=False),
        "refuse",
        "refuse",
        "refuse",
        "accept",
    ),
    (
        "x86 remapping off, no MSI, asleep",
        x86_host({0: [ASLEEP]}, remapping=False),
        "refuse",
        "refuse",
        "refuse",
        "unknown",
    ),
    (
        "x86 behind virtio-iommu",
        without_iommu_driver(x86_host(1, remapping=False)),
        *["refuse"] * 4,
    ),
    ("Arm ITS, MSI", arm_host(1), "accept", "unknown", "accept", "accept"),
    ("Arm ITS, no MSI", arm_host(1, msis=False), "accept", "unknown", "unknown", "unknown"),
    ("Arm GICv2m, MSI", arm_host(1, controller="GICv2m"), "accept", *["refuse"] * 3),
    ("Arm MBI, MSI", arm_host(1, controller="MBI"), "accept", *["refuse"] * 3),
    ("s390", s390_host(), "accept", "accept", "accept", "accept"),
]


@pytest.mark.parametrize(
    ("host", "policy", "expected"),
    [
        pytest.param(host, policy, expected, id=f"{name}: {policy}")
        for name, host, *answers in ROWS
        for policy, expected in zip((CAPABLE, CHECK, ISOLATED, SERIES), answers, strict=True)
    ],
)
def test_platform(host: dict[str, Entry], policy: str, expected: str) -> None:
    assert answer(report(host, policy).groups[0]) == expected


def test_arm_was_accepted_wholesale_while_smmus_claimed_the_capability() -> None:
    host = arm_host(1, controller="GICv2m", release="4.9.0-arm64")
    assert only_group(host).outcome is Outcome.ALLOWED
    assert only_group(host).headline.policy == CAPABLE


def test_series_and_kernel_disagree_on_a_function_without_msis() -> None:
    group = only_group(x86_host({0: [INTX]}, remapping=False))
    assert (group.outcome, group.series.outcome) == (Outcome.REFUSED, Outcome.ALLOWED)
    assert group.agrees is False


def test_one_device_of_another_controller_refuses_the_whole_group() -> None:
    members = [Function(BDF, "IR-PCI-MSIX"), Function("0000:01:00.1", "VMD-PCI-MSIX")]
    assert said(x86_host({0: members}), ISOLATED) == "refuse"


def test_an_unflagged_controller_anywhere_refuses_every_group_before_6_3() -> None:
    members = {0: [Function(BDF, "ITS-MSI")], 1: [Function("0000:02:00.0", "MSI")]}
    host = arm_host(members, release="6.1.0-arm64")
    assert [g.outcome for g in report(host).groups] == [Outcome.REFUSED, Outcome.REFUSED]
    newer = arm_host(members, release="6.12.0-arm64")
    assert [g.outcome for g in report(newer).groups] == [Outcome.ALLOWED, Outcome.REFUSED]


def test_an_unknown_irqchip_is_unknown() -> None:
    assert (
        said(arm_host({0: [Function(BDF, "FUTURE-MSI")]}, release="7.4.0-arm64"), ISOLATED)
        == "unknown"
    )


def test_a_pre_its_defeats_the_its() -> None:
    host = arm_host(1)
    host["/sys/firmware/devicetree/base/soc/its@8080000/socionext,synquacer-pre-its"] = bytes(8)
    assert said(host, ISOLATED) == "unknown"
    host["/CAPTURE/dmesg"] = b"GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS\n"
    assert said(host, ISOLATED) == "refuse"


def test_an_amba_device_never_has_an_msi_domain() -> None:
    assert said(arm_host({0: [Function("2000000.pl330", bus="amba")]}), ISOLATED) == "refuse"


def test_a_platform_device_without_msis_is_unknown_without_firmware() -> None:
    assert said(arm_host({0: ["a003e00.virtio_mmio"]}), ISOLATED) == "unknown"


def test_mediated_devices_are_attached_without_a_test() -> None:
    name = "c2f4d5a0-8b1e-4d4c-9d0c-5f6a7b8c9d0e"
    host = x86_host({0: [Function(name, driver="vfio_mdev", bus="mdev")]}, remapping=False)
    assert {said(host, p) for p in (CAPABLE, CHECK, ISOLATED, SERIES)} == {"accept"}


def test_a_riscv_device_is_not_isolated_by_any_mainline_domain() -> None:
    host = x86_host(1, remapping=False, msis=False)
    host["/proc/sys/kernel/arch"] = b"riscv64\n"
    assert said(host, ISOLATED) == "refuse"


def test_power_is_attached_without_a_test() -> None:
    host = x86_host(1, remapping=False)
    host["/proc/sys/kernel/arch"] = b"ppc64le\n"
    config = next(path for path in host if path.startswith("/boot/config-"))
    host[config] = b"CONFIG_VFIO_IOMMU_SPAPR_TCE=m\nCONFIG_PROC_FS=y\n"
    group = only_group(host)
    assert dict(group.backends)["type1"] is None
    assert (group.outcome, group.headline.policy) == (Outcome.ALLOWED, "spapr_tce")


@pytest.mark.parametrize("hypervisor", ["xen", "hyperv"])
def test_a_device_without_msis_is_unknown_below_a_foreign_msi_domain(hypervisor: str) -> None:
    host = x86_host(1, msis=False)
    if hypervisor == "xen":
        host["/sys/hypervisor/type"] = b"xen\n"
    else:
        host["/sys/bus/vmbus/devices/vmbus_0_1"] = None
    assert said(host, ISOLATED) == "unknown"


def test_a_unit_added_later_without_remapping_does_not_speak_for_the_machine() -> None:
    host = x86_host({0: [Function(BDF, "IR-PCI-MSIX")]})
    host["/sys/class/iommu/dmar1/intel-iommu/ecap"] = b"f42\n"
    host["/sys/class/iommu/dmar1/devices/0000:02:00.0"] = b""
    host["/sys/bus/pci/devices/0000:02:00.0/uevent"] = b"PCI_CLASS=20000\n"
    host["/sys/bus/pci/devices/0000:02:00.0/iommu_group"] = Link("../kernel/iommu_groups/1")
    host["/sys/kernel/iommu_groups/1/type"] = b"DMA\n"
    outcomes = [group.outcome for group in report(host).groups]
    assert outcomes == [Outcome.ALLOWED, Outcome.REFUSED]


def test_a_domain_that_amd_flags_before_it_decides_proves_nothing() -> None:
    host = x86_host(1, remapping=False, vendor="amd", msis=False)
    host = {path: e for path, e in host.items() if not path.startswith("/sys/kernel/irq")}
    del host["/proc/interrupts"]
    host["/sys/kernel/debug/irq/domains/AMD-IR-0-14"] = b"name: AMD-IR-0-14\n flags: 0x00000123\n"
    assert said(host, ISOLATED) == "unknown"


def test_a_group_whose_name_is_hidden_may_be_a_no_iommu_group() -> None:
    host = x86_host(1)
    host["/sys/kernel/iommu_groups/0/type"] = b"unknown\n"
    host["/sys/kernel/iommu_groups/0/name"] = Refused(errno.EIO)
    assert said(host, ISOLATED) == "unknown"


def test_devices_of_two_buses_may_have_one_name() -> None:
    name = "fe200000.dma"
    flagged = Function(name, "ITS-pMSI", bus="platform")
    host = arm_host({0: [Function(name, bus="amba")]})
    other = "/sys/kernel/iommu_groups/1/devices/" + name
    home = f"/sys/devices/other/{name}"
    host |= {
        other: Link(f"../../../../devices/other/{name}"),
        "/sys/kernel/iommu_groups/1/type": b"DMA\n",
        f"{home}/uevent": b"MODALIAS=of:\n",
        f"{home}/subsystem": Link("../../../bus/platform"),
        f"{home}/iommu_group": Link("../../../kernel/iommu_groups/1"),
        f"{home}/msi_irqs/99": b"msi\n",
        "/sys/kernel/irq/99/chip_name": f"{flagged.chip}-{name}\n".encode(),
    }
    outcomes = {group.id: group.outcome for group in report(host).groups}
    assert outcomes == {0: Outcome.REFUSED, 1: Outcome.ALLOWED}


def test_up_to_4_10_an_empty_iommu_class_says_nothing_of_smmus() -> None:
    host = arm_host(1, controller="GICv2m", release="4.9.0-arm64")
    host = {path: entry for path, entry in host.items() if "/iommu/smmu3" not in path}
    host["/sys/class/iommu"] = None
    assert only_group(host).outcome is Outcome.UNKNOWN


def test_mediated_devices_are_told_by_their_bus_not_by_their_groups_name() -> None:
    host = x86_host({0: [Function("c2f4d5a0", driver="vfio_mdev", bus="mdev")]}, remapping=False)
    host["/sys/kernel/iommu_groups/0/type"] = b"unknown\n"
    host["/sys/kernel/iommu_groups/0/name"] = b"vfio-noiommu\n"
    assert said(host, ISOLATED) == "accept"


@pytest.mark.parametrize("policy", [CAPABLE, CHECK, ISOLATED])
def test_a_group_that_cannot_be_listed_may_be_of_mediated_devices(policy: str) -> None:
    host = x86_host({0: [Function("c2f4d5a0", driver="vfio_mdev", bus="mdev")]}, remapping=False)
    host["/sys/kernel/iommu_groups/0/devices"] = Refused(errno.EIO)
    host = {p: e for p, e in host.items() if "iommu_groups/0/devices/" not in p}
    host = {p: e for p, e in host.items() if "/dmar0/devices/" not in p}
    assert said(host, policy) == "unknown"


def test_a_gicv2m_that_failed_is_no_controller() -> None:
    host = arm_host(1, controller=None, release="6.1.0-arm64")
    host["/CAPTURE/dmesg"] = b"[    0.1] GICv2m: Failed to map GICv2m resource\n"
    assert said(host, CHECK) == "unknown"
    host["/CAPTURE/dmesg"] = b"[    0.1] GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]\n"
    assert said(host, CHECK) == "refuse"


def test_one_device_does_not_speak_for_its_unit_against_the_machine() -> None:
    host = x86_host({0: [Function(BDF, "PCI-MSIX")], 1: [Function("0000:02:00.0")]})
    first, second = report(host, ISOLATED).groups
    assert (answer(first), answer(second)) == ("refuse", "unknown")


def test_a_unit_added_later_says_nothing_of_the_machine() -> None:
    host = x86_host({0: [Function(BDF)]}, msis=False)
    host = {p: e for p, e in host.items() if not p.startswith(("/sys/kernel/irq", "/proc/int"))}
    host["/sys/class/iommu/dmar1/intel-iommu/ecap"] = b"f42\n"
    assert said(host, ISOLATED) == "unknown"
