"""Whatever a host's firmware tables hold, there is an answer, and no exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.acpi.own import OWN, sealed
from tests.support import arm_firmware as arm
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.laws import examples
from vfioguard.fact import Fact
from vfioguard.inference.firmware import of_host
from vfioguard.inference.memory import reserved
from vfioguard.inference.memory.region import by_device
from vfioguard.judging.evaluate import evaluate
from vfioguard.output.firmware.json import firmware_json
from vfioguard.proof_json import dumps
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory
from vfioguard.snapshot import Snapshot

TABLES = "/sys/firmware/acpi/tables"
DIRECT = b"0x0000000000001000 0x0000000000001fff direct\n"
DEEP = Function("0000:02:00.0", None, below=("0000:00:1c.0", "0000:01:00.0"))
X86: dict[str, Entry] = {
    **x86_host({0: ["0000:00:02.0", "0000:00:1c.0"], 1: [DEEP, "AMDI0020:00"]}, msis=False),
    "/sys/kernel/iommu_groups/1/reserved_regions": DIRECT,
}
ARM: dict[str, Entry] = arm.acpi_host({}, ["0000:00:02.0", "0000:00:04.0/0000:01:00.0"])
LIMITS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 0x1C, 0x20, 0x40, 0x48, 0x7F, 0x80, 0xF0, 0xFE, 0xFF)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, bytes]:
    """Tables of the kinds that are drawn, with some bytes changed or cut."""
    found: dict[str, bytes] = {}
    for name in draw(st.lists(st.sampled_from(sorted(OWN)), min_size=1, max_size=3)):
        raw = bytearray(OWN[name])
        for at in draw(st.lists(st.integers(36, len(raw) - 1), max_size=6)):
            raw[at] = draw(st.sampled_from(LIMITS))
        del raw[draw(st.integers(0, len(raw))) or len(raw) :]
        whole = draw(st.booleans()) and len(raw) >= 36
        found[raw[:4].decode("latin-1")] = sealed(bytes(raw)) if whole else bytes(raw)
    return found


def snapshot(host: dict[str, Entry], found: dict[str, bytes]) -> Snapshot:
    return take(Memory(host | {f"{TABLES}/{name}": raw for name, raw in found.items() if name}))


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from([X86, ARM]), tables())
def test_whatever_the_tables_hold_there_is_an_answer(
    host: dict[str, Entry], found: dict[str, bytes]
) -> None:
    taken = snapshot(host, found)
    evaluate(taken, "now")
    assert dumps(firmware_json(of_host.of_host(taken)))


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from([X86, ARM]), tables())
def test_memory_belongs_to_devices_of_this_host_or_is_said_to_belong_to_none(
    host: dict[str, Entry], found: dict[str, bytes]
) -> None:
    taken = snapshot(host, found)
    groups = taken.groups.value if isinstance(taken.groups, Fact) else ()
    names = {device.name for members in groups for device in members.devices}
    memory, _ = reserved.of_host(taken)
    assert by_device(memory).keys() <= names
    for one in memory:
        assert one.end >= one.start or one.kind == "RMRR"  # whose end stands in the table
        assert one.holders or one.gaps or one.kind == "RMRR"  # that may have no scope at all
