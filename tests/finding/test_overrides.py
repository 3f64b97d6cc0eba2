"""Findings about the override, the command line, and a second doorbell."""

from __future__ import annotations

import pytest

from tests.support.faults import Watching
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from tests.test_agreement import report_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.log import DMESG
from vfioguard.reading.again import take_again
from vfioguard.reading.take import take
from vfioguard.report import FindingReport, Report
from vfioguard.root.memory import Entry, Memory
from vfioguard.snapshot import Snapshot


def found(report: Report, name: str) -> list[FindingReport]:
    return [finding for finding in report.findings if finding.name == name]


def judged(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def test_an_override_that_no_group_needs_is_found_with_the_command_against_it() -> None:
    (finding,) = found(judged(x86_host(3, override=True)), "override_not_needed")
    assert "no group needs it" in finding.summary
    assert finding.change[0].where == (
        "echo N > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    )
    for host in (x86_host(3), x86_host(3, remapping=False, override=True)):
        assert not found(judged(host), "override_not_needed")


def test_a_guest_that_only_the_override_lets_in_is_found() -> None:
    report = report_of("6.1-amd64--vtd-noir-unsafe", "as-booted")
    assert not found(report, "override_exposes"), "no group is on VFIO yet"
    exposed = evaluate(_on_vfio(), "now")
    (finding,) = found(exposed, "override_exposes")
    assert (finding.severity, "group 0" in finding.summary) == ("critical", True)


def _on_vfio() -> Snapshot:
    host = x86_host(1, remapping=False, override=True)
    (path,) = [name for name in host if name.endswith("/uevent")]
    host[path] = b"DRIVER=vfio-pci\n" + bytes(host[path])
    return take(Memory(host))


@pytest.mark.parametrize(
    ("word", "returns"),
    [
        (b"vfio_iommu_type1.allow_unsafe_interrupts=1", True),
        (b"vfio-iommu-type1.allow_unsafe_interrupts", True),
        (b"vfio_iommu_type1.allow_unsafe_interrupts=0", False),
        (b"quiet", False),
    ],
)
def test_an_override_that_comes_back_with_the_next_boot_is_found(
    word: bytes, returns: bool
) -> None:
    report = judged(x86_host(1, override=False, cmdline=word))
    findings = found(report, "override_returns")
    assert bool(findings) is returns
    for finding in findings:  # /proc/cmdline is no file that anybody can edit
        (step,) = finding.change
        place = "the kernel command line"
        assert step.where == place
        assert step.do == f"If nobody needs it, remove `{word.decode()}` from {place}, and reboot."


def test_an_override_of_the_command_line_that_nobody_needs_names_the_option() -> None:
    word = b"vfio_iommu_type1.allow_unsafe_interrupts=1"
    host = x86_host(3, override=True, cmdline=b"quiet " + word)
    host["/etc/default/grub"] = b'GRUB_CMDLINE_LINUX="' + word + b'"\n'
    (finding,) = found(judged(host), "override_not_needed")
    _, for_good = finding.change
    assert for_good.where == "/etc/default/grub"
    assert for_good.do.startswith(f"Remove `{word.decode()}` from GRUB_CMDLINE_LINUX, run ")


def test_remapping_without_source_ids_keeps_the_other_values_of_the_option() -> None:
    host = x86_host(1, cmdline=b"intremap=nosid,no_x2apic_optout")
    (finding,) = found(judged(host), "source_id_unchecked")
    assert finding.change[0].do == (
        "Remove `intremap=nosid,no_x2apic_optout` from the kernel command line and add "
        "`intremap=no_x2apic_optout` to it, and reboot."
    )


@pytest.mark.parametrize(
    ("options", "cmdline", "built_in", "returns"),
    [
        (b"allow_unsafe_interrupts=1", b"quiet", False, True),
        (b"allow_unsafe_interrupts=0", b"quiet", False, False),
        (b"allow_unsafe_interrupts=1", b"quiet", True, False),
        (
            b"allow_unsafe_interrupts=1",
            b"vfio_iommu_type1.allow_unsafe_interrupts=0",
            False,
            False,
        ),
    ],
)
def test_an_override_that_a_file_sets_for_a_loaded_module_comes_back(
    options: bytes, cmdline: bytes, built_in: bool, returns: bool
) -> None:
    host = x86_host(1, override=False, cmdline=cmdline)
    host["/etc/modprobe.d/vfio.conf"] = b"options vfio_iommu_type1 " + options + b"\n"
    if built_in:
        (config,) = [path for path in host if path.startswith("/boot/config-")]
        content = host[config]
        assert isinstance(content, bytes)
        host[config] = content.replace(b"VFIO_IOMMU_TYPE1=m", b"VFIO_IOMMU_TYPE1=y")
        assert host[config] != content
    findings = found(judged(host), "override_returns")
    assert bool(findings) is returns
    for finding in findings:
        assert [step.where for step in finding.change] == ["/etc/modprobe.d/vfio.conf"]


def test_the_file_that_sets_an_override_which_nobody_needs_is_named() -> None:
    host = x86_host(1, override=True)
    host["/etc/modprobe.d/vfio.conf"] = b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n"
    (finding,) = found(judged(host), "override_not_needed")
    assert finding.change[-1].where == "/etc/modprobe.d/vfio.conf"


def test_a_module_that_is_not_loaded_is_not_told_to_switch_off() -> None:
    """Its parameter has no file yet."""
    options = b"vfio_iommu_type1.allow_unsafe_interrupts=1 vfio.enable_unsafe_noiommu_mode=1"
    host = x86_host(3, cmdline=options)
    (config,) = [path for path in host if path.startswith("/boot/config-")]
    content = host[config]
    assert isinstance(content, bytes)
    unset = b"# CONFIG_VFIO_NOIOMMU is not set"
    host[config] = content.replace(unset, b"CONFIG_VFIO_NOIOMMU=y")
    loaded = judged(host)
    for path in list(host):
        if path.startswith(("/sys/module/vfio/", "/sys/module/vfio_iommu_type1/")):
            del host[path]
    unloaded = judged(host)
    assert not found(loaded, "override_not_needed")
    (not_needed,) = found(unloaded, "override_not_needed")
    assert "will be on when its module loads, and no group" in not_needed.summary
    (returns,) = found(unloaded, "override_returns")
    assert returns.summary.endswith("/proc/cmdline sets it when its module loads")
    (mode,) = found(unloaded, "noiommu_mode")
    (step,) = mode.change
    assert step.where == "the kernel command line"
    assert step.do.startswith("Unless a guest without an IOMMU is wanted, remove `vfio.enable_")
    steps = [step for finding in unloaded.findings for step in finding.change]
    assert not [step for step in steps if step.where and "/sys/module/" in step.where]


ACS = b"pcie_acs_override=downstream,multifunction"
ENABLED = (
    b"[    0.000000] Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected "
    b"peer-to-peer DMA\n"
)
UNKNOWN = (
    b'[    0.015684] Unknown kernel command line parameters "splash BOOT_IMAGE=/vmlinuz %s", will '
    b"be passed to user space.\n"
)


def acs(log: bytes | None = None, release: str = "6.12.0-amd64") -> tuple[FindingReport, ...]:
    """The finding on a host with the option, whose log has a line."""
    entries = x86_host(1, cmdline=ACS, release=release)
    return found(judged(entries if log is None else entries | {DMESG: log}), "acs_override")


@pytest.mark.parametrize(("log", "release"), [(ENABLED, "6.12.0-amd64"), (None, "6.8.12-8-pve")])
def test_groups_that_the_command_line_splits_are_said_to_be_not_real(
    log: bytes | None, release: str
) -> None:
    (finding,) = acs(log, release)
    assert finding.summary.startswith("pcie_acs_override splits groups: ")
    assert finding.because.truth is False
    assert not found(judged(x86_host(1)), "acs_override")


@pytest.mark.parametrize("release", ["6.12.0-amd64", "6.8.12-8-pve"])
def test_a_word_that_the_kernel_does_not_know_splits_nothing(release: str) -> None:
    assert not acs(UNKNOWN % ACS, release)


@pytest.mark.parametrize("log", [None, UNKNOWN % b"quiet", b"[    1.000000] DMAR: x\n"])
def test_a_kernel_that_may_lack_the_patch_is_spoken_of_with_care(log: bytes | None) -> None:
    (finding,) = acs(log)
    assert "if this kernel has its patch" in finding.summary
    assert finding.because.truth is None
    assert "PCIe ACS overrides enabled" in (finding.change[0].where or "")


def test_the_log_is_read_once_in_a_boot_and_only_for_the_option() -> None:
    def readings(cmdline: bytes) -> list[int]:
        watched = Watching(Memory(x86_host(1, cmdline=cmdline) | {DMESG: ENABLED}))
        counts: list[int] = []
        before = take(watched)
        for _ in range(2):
            evaluate(before, "now")
            counts.append(watched.paths.count(DMESG))
            before = take_again(watched, before)
        return counts

    assert readings(b"quiet") == [0, 0]
    assert readings(ACS) == [1, 1]


def test_a_controller_without_isolation_beside_an_its_is_found() -> None:
    name = "second_doorbell"
    both = [Function("0000:00:02.0", "ITS-MSI"), Function("0000:00:03.0", "MSI")]
    host = arm_host({1: both[:1], 2: both[1:]}, release="6.8.0-arm64")
    (finding,) = found(judged(host), name)
    assert "0000:00:02.0" in finding.summary
    assert not found(report_of("6.12-arm64--its-smmu-acpi", "as-booted"), name)
    assert not found(report_of("6.12-arm64--v2m-smmu-acpi", "as-booted"), name)
