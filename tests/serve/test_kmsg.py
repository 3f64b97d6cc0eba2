"""The kernel's log as it is written. The lines are what the drivers named in kmsg.py print."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.serve.uevents import run, until
from vfioguard.kernel.log import KMSG
from vfioguard.serve.kmsg import LogFollower
from vfioguard.serve.news import EVERYTHING, News


def heard(*records: bytes) -> tuple[LogFollower, list[News]]:
    told: list[News] = []
    follower = LogFollower(told.append)
    for record in records:
        follower.heard(record)
    return follower, told


@pytest.mark.parametrize(
    ("line", "device"),
    [
        (
            (
                b"DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xdeadb000 "
                b"[fault reason 0x06] PTE Read access is not set"
            ),
            "0000:03:00.0",
        ),
        (b"DMAR: [DMA Write] Request device [81:00.1] fault addr fee00000 ", "0000:81:00.1"),
        (
            (
                b"DMAR: [INTR-REMAP] Request device [f0:1f.7] fault index 0x20 [fault reason 0x22] "
                b"Present field in the IRTE entry is clear"
            ),
            "0000:f0:1f.7",
        ),
        (
            (
                b"AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:02:00.0 domain=0x000a "
                b"address=0xfdf8000000 flags=0x0008]"
            ),
            "0000:02:00.0",
        ),
        (
            (
                b"vfio-pci 0000:0c:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0015 "
                b"address=0x0 flags=0x0020]"
            ),
            "0000:0c:00.0",
        ),
    ],
)
def test_a_fault_is_counted_for_its_device(line: bytes, device: str) -> None:
    follower, told = heard(b"3,339,5140900,-;" + line + b"\n SUBSYSTEM=pci\n")
    assert follower.faults == Counter({device: 1})
    assert told == []


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
    assert follower.faults["other"] == len(names) - 256
    assert follower.faults["0000:00:00.0"] == 2


class Listening(LogFollower):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.news: list[News] = []
        super().__init__(self.news.append)
        self.records: list[bytes] = []

    def heard(self, record: bytes) -> None:
        self.records.append(record)
        super().heard(record)


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
        assert EVERYTHING not in follower.news

    try:
        run(what)
    finally:
        os.close(log)
