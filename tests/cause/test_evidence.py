"""Causes of an unknown verdict: what cannot be read, what contradicts, which kernel it is."""

from __future__ import annotations

import errno

import pytest

from tests.support.causing import causes, words
from tests.support.hosts import x86_host
from vfioguard.judging.causes import causes_of
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.memory import Entry, Memory, Refused

DENIED, BROKEN = Refused(errno.EACCES), Refused(errno.EIO)
TABLES = "/sys/firmware/acpi/tables"


def quiet(**options: object) -> dict[str, Entry]:
    """A host whose interrupts do not tell whether they are remapped."""
    return x86_host(1, msis=False, **options) | {  # type: ignore[arg-type]
        "/sys/kernel/irq/0/chip_name": b"XT-PIC\n",
        "/sys/kernel/irq/1/chip_name": b"XT-PIC\n",
        "/proc/interrupts": b"            CPU0\n   1:          9    XT-PIC    1-edge      i8042\n",
    }


@pytest.mark.parametrize(
    ("path", "entry", "told", "step"),
    [
        (f"{TABLES}/DMAR", DENIED, f"{TABLES}/DMAR (EACCES)", "as root"),
        ("/dev/kmsg", Refused(errno.EPERM), "/dev/kmsg (EPERM)", "CAP_SYSLOG"),
        ("/proc/cmdline", DENIED, "/proc/cmdline (EACCES)", "as root"),
        ("/proc/cmdline", BROKEN, "/proc/cmdline (EIO)", "kernel fails"),
        ("/sys/firmware/acpi/tables", None, TABLES, "/sys/firmware:/sys/firmware:ro"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_reads_it(
    path: str, entry: Entry, told: str, step: str
) -> None:
    found = causes(quiet() | {path: entry})
    assert list(found) == ["evidence_unreadable"]
    cause = found["evidence_unreadable"]
    assert told in cause.sentence
    assert step in words(cause)
    assert not any("allow_unsafe" in (step.where or "") for step in cause.change)


def test_a_contradiction_names_both_sides() -> None:
    cause = causes(x86_host(1, cmdline=b"intremap=off", msis=False))["evidence_contradicts"]
    assert "/proc/cmdline" in cause.sentence.partition("false by")[2]
    assert "/sys/kernel/irq/0/chip_name" in cause.sentence.partition("false by")[0]


def test_a_kernel_of_no_known_test_is_told() -> None:
    # Up to v6.2 only the machine counts, from v6.3 on the ACPI device does.
    vendors = x86_host({0: ["0000:01:00.0", "AMDI0020:00"]}, release="5.14.0-427.el9.x86_64")
    del vendors["/proc/kallsyms"]
    found = causes(vendors)
    assert list(found) == ["kernel_unknown"]
    assert "/proc/kallsyms" in words(found["kernel_unknown"])


def test_a_kernel_between_two_forms_of_its_test_is_told() -> None:
    cause = causes(x86_host(1, vendor="amd", release="4.2.0-23-generic"))["kernel_unknown"]
    assert "4.2.0-23-generic lies between releases that differ" in cause.sentence
    assert "4.14" in words(cause)


def test_a_kernel_without_a_backend_is_told() -> None:
    host = x86_host(1, override=None)
    config = host["/boot/config-6.12.0-amd64"]
    assert isinstance(config, bytes)
    config = config.replace(b"CONFIG_VFIO_IOMMU_TYPE1=m", b"# CONFIG_VFIO_IOMMU_TYPE1 is not set")
    found = causes(host | {"/boot/config-6.12.0-amd64": config})
    assert list(found) == ["no_backend"]
    assert "CONFIG_VFIO_IOMMU_TYPE1" in words(found["no_backend"])


@pytest.mark.parametrize(
    ("choice", "sentence", "places"),
    [
        (
            Choice(backend="iommufd"),
            "The attach is asked for by iommufd, which this kernel lacks.",
            ["QEMU: -device vfio-pci,host=ADDRESS", "CONFIG_IOMMUFD=m"],
        ),
        (
            Choice(policy="iommufd_device_bind"),
            "The attach is asked for by iommufd, which this kernel lacks.",
            ["QEMU: -device vfio-pci,host=ADDRESS", "CONFIG_IOMMUFD=m"],
        ),
        (
            Choice(backend="spapr_tce"),
            (
                "The attach is asked for by spapr_tce, which this kernel lacks, as no kernel of "
                "this architecture has it."
            ),
            ["QEMU: -device vfio-pci,host=ADDRESS"],
        ),
    ],
)
def test_a_backend_that_somebody_asks_for_and_the_kernel_lacks_is_a_cause(
    choice: Choice, sentence: str, places: list[str]
) -> None:
    snapshot = take(Memory(x86_host(1, release="6.1.0-amd64")))
    judged = judge(snapshot, "now", choice, findings=False)
    (group,) = judged.report.groups
    (cause,) = causes_of(judged.host, group, snapshot.group(0))
    assert group.causes == ("no_backend",)
    assert cause.sentence == sentence
    assert [step.where for step in cause.change] == places


def test_a_group_of_no_iommu_mode_is_told_so() -> None:
    host = x86_host(1) | {
        "/sys/kernel/iommu_groups/0/name": b"vfio-noiommu\n",
        "/sys/kernel/iommu_groups/0/type": b"unknown\n",
    }
    found = causes(host)
    assert list(found) == ["no_iommu_mode"]
    assert "enable_unsafe_noiommu_mode=0" in words(found["no_iommu_mode"])


def test_what_nobody_can_tell_is_said() -> None:
    found = causes(quiet() | {f"{TABLES}/APIC": b"", "/proc/kallsyms": b""})
    assert found
    cause = list(found.values())[-1]
    assert "not known" in cause.sentence
    assert cause.change


def test_the_fallback_names_the_open_question() -> None:
    host = x86_host(1, msis=False)
    for path in [path for path in host if path.endswith("/iommu")]:
        del host[path]
    for path in [path for path in host if "/iommu/dmar0/devices/" in path]:
        del host[path]
    cause = causes(host)["undecided"]
    assert '"0000:01:00.0 is behind a remapping unit"' in cause.sentence
    assert cause.change[0].where == "sudo vfioguard explain group:0"
