"""The kernel's log as it is written. The lines are what the drivers named in kmsg.py print."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.serve.uevents import run, until
from vfioguard.kernel.log import KMSG
from vfioguard.serve.senses.hint import EVERYTHING, Hint
from vfioguard.serve.senses.kmsg import OTHER, LogFollower


def heard(*records: bytes) -> tuple[LogFollower, list[Hint]]:
    told: list[Hint] = []
    follower = LogFollower(told.append)
    for record in records:
        follower.heard(record)
    return follower, told


DMAR = "{} Request device [{}] fault addr 0xdeadb000 [fault reason 0x06] PTE Read access is not set"
INDEX = (
    "{} Request device [{}] fault index 0xa00 [fault reason 0x25] Blocked a compatibility format"
)
AMD = "AMD-Vi: Event logged [{} device={} pasid=0x00000 address=0xfffffffdf8000000 flags=0x0a00]"
SMMU = "arm-smmu-v3 arm-smmu-v3.5.auto: event: {} client: {} sid: 0x20600 ssid: 0x0 "
#: By the release that prints it so, each form as its driver's format string makes it.
FAULTS = {
    "dmar 5.10": ("DMAR: " + DMAR.format("[DMA Read]", "03:00.0"), "0000:03:00.0"),
    "dmar 5.10 pasid": (
        "DMAR: [DMA Write] Request device [03:00.0] PASID ffffffff fault addr fee00000 [fault ",
        "0000:03:00.0",
    ),
    "dmar 5.10 index": (
        "DMAR: [INTR-REMAP] Request device [f0:1f.7] fault index 20 [fault reason 34] Present ",
        "0000:f0:1f.7",
    ),
    "dmar between 5.10 and 6.1": (
        "DMAR: " + DMAR.format("[DMA Read NO_PASID]", "0x03:0x00.0"),
        "0000:03:00.0",
    ),
    "dmar between 5.10 and 6.1, index": (
        "DMAR: " + INDEX.format("[INTR-REMAP]", "0xe2:0x00.0"),
        "0000:e2:00.0",
    ),
    "dmar 6.1": ("DMAR: " + DMAR.format("[DMA Read NO_PASID]", "03:00.0"), "0000:03:00.0"),
    "dmar 6.1 pasid": ("DMAR: " + DMAR.format("[DMA Write PASID 0x1]", "03:00.0"), "0000:03:00.0"),
    "dmar 6.12 index": ("DMAR: " + INDEX.format("[INTR-REMAP]", "e2:00.0"), "0000:e2:00.0"),
    "dmar 7.2": ("DMAR: " + DMAR.format("[DMA Read NO_PASID]", "0001:03:00.0"), "0001:03:00.0"),
    "dmar 7.3 index": ("DMAR: " + INDEX.format("[INTR-REMAP]", "0001:e2:00.0"), "0001:e2:00.0"),
    "amd 5.10 page": (
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=02:00.0 domain=0x000a address=0xfdf8000000 ",
        "0000:02:00.0",
    ),
    "amd 6.1 page": (
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0001:02:00.0 domain=0x000a address=0xfdf80 ",
        "0001:02:00.0",
    ),
    "amd 6.12 page of a device with a driver": (
        "vfio-pci 0000:0c:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0015 address=0x0 ",
        "0000:0c:00.0",
    ),
    "amd 6.12 rmp of a device with a driver": (
        "vfio-pci 0000:0c:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT vmg_tag=0x0001, gpa=0x0, ",
        "0000:0c:00.0",
    ),
    "amd 6.12 rmp": (
        "AMD-Vi: Event logged [RMP_HW_ERROR device=0000:0c:00.0, vmg_tag=0x0001, spa=0x0, fla",
        "0000:0c:00.0",
    ),
    "amd 7.3 no domain": ("AMD-Vi:   device=0000:0c:00.0 domain=0x0000", "0000:0c:00.0"),
    "amd 5.10 request": (
        "iommu ivhd0: " + AMD.format("INVALID_DEVICE_REQUEST", "00:00.0"),
        "0000:00:00.0",
    ),
    **{
        f"amd 7.3 {event}": (f"iommu ivhd1: {AMD.format(event, '0001:43:00.0')}", "0001:43:00.0")
        for event in (
            "INVALID_DEVICE_REQUEST",
            "ILLEGAL_DEV_TABLE_ENTRY",
            "DEV_TAB_HARDWARE_ERROR",
            "PAGE_TAB_HARDWARE_ERROR",
            "IOTLB_INV_TIMEOUT",
            "INVALID_PPR_REQUEST",
        )
    },
    "smmuv3 7.2": (SMMU.format("F_TRANSLATION", "0001:06:00.0") + "iova: 0xff9b", "0001:06:00.0"),
    "smmuv3 7.2 stream": (SMMU.format("C_BAD_STREAMID", "(unassigned sid)"), OTHER),
    "smmuv3 7.2 fetch": (SMMU.format("F_CD_FETCH", "0000:06:00.0") + "fetch_a", "0000:06:00.0"),
    "smmuv3 7.2 platform": (SMMU.format("F_ACCESS", "a003e00.virtio_mmio"), OTHER),
    "smmu 5.10": ("arm-smmu 2b400000.iommu: Unhandled context fault: fsr=0x402, iova=0x00", OTHER),
    "smmu 6.1 stream": (
        "arm-smmu 2b400000.iommu: Blocked unknown Stream ID 0x42; boot with",
        OTHER,
    ),
    "smmu 7.3 global": (
        "arm-smmu 2b400000.iommu: Unexpected global fault, this could be se",
        OTHER,
    ),
    "virtio 6.12": ("virtio_iommu virtio0: page fault from EP 8 at 0xdeadb000 [W]", OTHER),
    "riscv 7.3": (
        "riscv,iommu 3010000.iommu: Fault 13 devid: 0x100 iotval: dead iotval2: 0",
        OTHER,
    ),
    "riscv 7.3 pci": (
        "iommu_pci 0000:00:01.0: Fault 13 devid: 0x100 iotval: dead iotval2: ",
        OTHER,
    ),
}


@pytest.mark.parametrize("form", FAULTS)
def test_a_fault_is_counted_for_its_device(form: str) -> None:
    line, device = FAULTS[form]
    follower, told = heard(b"3,339,5140900,-;" + line.encode() + b"\n SUBSYSTEM=pci\n")
    assert follower.faults == Counter({device: 1})
    assert told == []


RAW = (
    "event 0x10 received:", "\\x090x0002060000000010", "\\x090x0000020000000000",
    "\\x090x00000000ff9bc000", "\\x090x0000000000000000",
)  # fmt: skip
DECODED = (
    "event: F_TRANSLATION client: 0001:06:00.0 sid: 0x20600 ssid: 0x0 iova: 0xff9bc000 ipa: 0x0",
    'unpriv data write s1 "Input address caused fault" stag: 0x0',
)


@pytest.mark.parametrize(
    ("level", "lines", "device"), [(6, RAW, OTHER), (3, RAW + DECODED, "0001:06:00.0")]
)
def test_an_event_of_an_smmuv3_is_counted_once_in_all_its_lines(
    level: int, lines: tuple[str, ...], device: str
) -> None:
    head = f"{level},339,5140900,-;arm-smmu-v3 arm-smmu-v3.5.auto: "
    follower, _ = heard(*((head + line).encode() for line in lines))
    assert follower.faults == Counter({device: 1})


def test_what_is_wrong_with_the_iommu_itself_is_no_fault_of_a_device() -> None:
    follower, _ = heard(
        b"3,1,2,-;iommu ivhd0: AMD-Vi: Event logged [COMMAND_HARDWARE_ERROR address=0x1 flags=0x0]",
        b"3,1,2,-;pci 0000:00:00.2: AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x1]",
        b"3,1,2,-;arm-smmu-v3 arm-smmu-v3.0.auto: CMDQ error (cons 0x00000000): Illegal command",
    )
    assert not follower.faults


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b";",
        b",;",
        b"\xff\xfe,1,2,-;DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"6x,1,2,-;DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"9" * 5000 + b",1,2,-;DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"12,1,2,-;DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"12,1,2,-;DMAR: [DMA Write] Request device [81:00.1] fault addr fee00000 ",
        b"8,1,2,-;AMD-Vi: Interrupt remapping enabled",
        b"6,1,2,-;usb 1-1: Product: DMAR: [DMA Write] Request device [81:00.1]",
        b"6,1,2,-;usb 1-1: Product: AMD-Vi: Event logged [IO_PAGE_FAULT device=02:00.0 ",
        b"6,1,2,-;usb 1-1: Product: 0000:81:00.1: AMD-Vi: Event logged [IO_PAGE_FAULT ",
        b"6,1,2,-;usb 1-1: Product: arm-smmu-v3 x: event: F_ACCESS client: 0000:81:00.1 sid: 0x1",
        b"6,1,2,-;usb 1-1: Product: arm-smmu-v3 x: event 0x10 received:",
        b"12,1,2,-;arm-smmu x: Unhandled context fault: fsr=0x402",
        b"3,1,2,-;DMAR: [DMA Write] Request device [zz:00.1] fault addr fee00000 ",
        b"6,1,2,-;" + bytes(range(256)),
        b"6,1,2,-;EXT4-fs (vda): mounted filesystem\n DMAR-IR: Enabled",
    ],
)
def test_what_is_not_the_kernels_word_on_it_is_nothing(record: bytes) -> None:
    follower, told = heard(record)
    assert not follower.faults
    assert follower.refused == 0
    assert told == []


@pytest.mark.parametrize(
    "line",
    [
        b"DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"AMD-Vi: Interrupt remapping enabled",
        b"ITS [mem 0x08080000-0x0809ffff]",
        b"GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]",
    ],
)
def test_a_word_on_remapping_has_the_host_read(line: bytes) -> None:
    assert heard(b"6,1,2,-;" + line)[1] == [EVERYTHING]


def test_a_refused_attach_is_counted() -> None:
    line = (
        b"vfio_iommu_type1_attach_group: No interrupt remapping for the iommu group. "
        b'Use the module param "allow_unsafe_interrupts" to enable VFIO IOMMU support'
    )
    assert heard(b"4,1,2,-;" + line)[0].refused == 1


def test_devices_beyond_256_are_counted_together() -> None:
    names = [b"%02x:%02x.0" % (bus, slot) for bus in range(10) for slot in range(32)]
    line = b"3,1,2,-;DMAR: [DMA Read] Request device [%b] fault addr 0"
    follower, _ = heard(*(line % name for name in names), line % names[0])
    assert len(follower.faults) == 257
    assert follower.faults[OTHER] == len(names) - 256
    assert follower.faults["0000:00:00.0"] == 2


class Listening(LogFollower):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.hints: list[Hint] = []
        super().__init__(self.hints.append)
        self.records: list[bytes] = []

    def heard(self, record: bytes) -> None:
        self.records.append(record)
        super().heard(record)


@pytest.mark.needs_root
def test_the_log_is_followed_and_a_process_that_writes_to_it_is_not_believed() -> None:
    log = os.open(KMSG, os.O_WRONLY | os.O_CLOEXEC)

    async def what() -> None:
        follower = Listening()
        follower.start()
        assert follower.following
        line = f"DMAR-IR: vfioguard's test {os.getpid()}"
        os.write(log, f"<6>{line}\n".encode())  # as if it were the kernel's
        await until(lambda: any(line.encode() in record for record in follower.records))
        follower.close()
        assert not follower.following
        assert EVERYTHING not in follower.hints

    try:
        run(what)
    finally:
        os.close(log)
