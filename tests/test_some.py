"""The groups that are asked about get the verdicts of the whole host, or the whole host is read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support import faults, trees
from tests.support.faults import Faulty, Watching
from tests.support.functions import Function, home
from tests.support.generated import broken_hosts
from tests.support.hosts import x86_host
from tests.test_faults import HOSTS
from tests.test_hostile_trees import ESCAPES, UP, link_to, replace
from vfioguard.attach import Attachment
from vfioguard.judging.causes import causes_of
from vfioguard.judging.evaluate import Judged, evaluate, judge
from vfioguard.kernel.interrupts import all_chips
from vfioguard.kernel.interrupts.all_chips import Chips
from vfioguard.reading.some import Asked, few, take_for
from vfioguard.reading.take import take
from vfioguard.report import Choice, GroupReport, Report
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.opening import open_root
from vfioguard.root.recording import Recording
from vfioguard.root.tree import Tree
from vfioguard.snapshot import Snapshot
from vfioguard.verdict import Verdict

FIXTURES = Path(__file__).parent / "fixtures"
CAPTURES = sorted([*FIXTURES.glob("sysfs/*/*.tar.xz"), *FIXTURES.glob("field/*/*.tar.xz")])
PINNED = (None, "iommu_capable", "irq_domain_check_msi_remap", "iommu_group_has_isolated_msi")


def told(verdict: Verdict | None) -> object:
    if verdict is None:
        return None
    return verdict.policy, verdict.outcome, verdict.isolated.truth, verdict.override.truth


def answers(judged: Judged) -> dict[int, object]:
    """Group -> all that is said of it, with the causes and what to change."""
    return {group.id: (answer(group), causes(judged, group)) for group in judged.report.groups}


def causes(judged: Judged, group: GroupReport) -> list[object]:
    found = causes_of(judged.host, group, judged.snapshot.group(group.id))
    return [(c.name, c.sentence, c.rule, c.change, c.helps, c.ticket) for c in found]


def answer(group: GroupReport) -> object:
    devices = [(d.name, d.bus, d.driver, d.pci_class, d.isolated.truth) for d in group.devices]
    backends = [(name, told(verdict)) for name, verdict in group.backends]
    attachments = [(name, attached(each)) for name, each in group.attachments]
    return (
        group.id,
        group.type,
        devices,
        told(group.headline),
        backends,
        told(group.series),
        attachments,
        attached(group.attachment),
        group.attachable,
    )


def attached(attachment: Attachment | None) -> object:
    if attachment is None:
        return None
    blockers = [
        (b.name, b.lasting, b.device, b.errno, b.call, b.because.truth, b.change)
        for b in attachment.blockers
    ]
    return attachment._replace(blockers=()), blockers


def questions(report: Report) -> Iterator[Asked]:
    for group in report.groups:
        yield Asked(groups=[group.id])
        names = [device.name for device in group.devices if device.bus == "pci"]
        yield from (Asked([name]) for name in names)


def differences(root: Root, pinned: str | None = None) -> tuple[list[object], int]:
    """What the groups alone say otherwise than the whole host does; how many questions decided."""
    judged = judge(take(root), "now", Choice(pinned))
    return differences_from(judged, root, questions(judged.report), pinned)


def differences_from(
    judged: Judged, root: Root, asking: Iterable[Asked], pinned: str | None = None
) -> tuple[list[object], int]:
    whole = answers(judged)
    wrong: list[object] = []
    decided = 0
    for asked in asking:
        if isinstance(root, Memory):
            root.begin()  # each reading may take as many steps
        asked.pinned = pinned is not None
        snapshot = few(root, asked)
        if snapshot is not None:
            decided += 1
            few_groups = answers(judge(snapshot, "now", Choice(pinned)))
            wrong += [
                (said, whole.get(number))
                for number, said in few_groups.items()
                if said != whole.get(number)
            ]
    return wrong, decided


def witnessed(chip: str, **options: Any) -> dict[str, Entry]:
    """A host with a function that has no MSI, and another with this chip behind the same unit."""
    return x86_host({0: [Function("0000:01:00.0")], 1: [Function("0000:02:00.0", chip)]}, **options)


PLAIN = {
    "remapping on": x86_host(3),
    "remapping on, no MSIs": x86_host(3, msis=False),
    "remapping on, a function without MSIs": witnessed("IR-PCI-MSIX"),
    "remapping off": x86_host(3, remapping=False),
    "remapping off, no MSIs": x86_host(3, remapping=False, msis=False),
    "remapping off, the override": x86_host(3, remapping=False, override=True, iommufd=True),
    "remapping off, by option": x86_host(2, remapping=False, cmdline=b"intremap=off"),
    "AMD, remapping on": x86_host(3, vendor="amd"),
    "another bus": x86_host({0: ["0000:01:00.0", "PNP0103:00"]}),
    "newest": x86_host(2, release="7.3.4"),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("pinned", PINNED)
def test_a_plain_host_is_decided_by_the_groups_alone(name: str, pinned: str | None) -> None:
    wrong, decided = differences(Memory(PLAIN[name]), pinned)
    assert wrong == []
    assert decided == len(list(questions(evaluate(take(Memory(PLAIN[name])), "now"))))


READ_ON = {
    "a witness without remapped MSIs": witnessed("PCI-MSIX"),
    "a witness with them": witnessed("IR-PCI-MSIX", remapping=False),
    "v6.2": x86_host(2, release="6.2.0"),
    "v4.9": x86_host(2, release="4.9.0"),
    "no wired interrupt": {
        path: entry
        for path, entry in x86_host(2, msis=False).items()
        if not path.startswith(("/sys/kernel/irq", "/proc/interrupts"))
    },
}


@pytest.mark.parametrize("name", READ_ON)
def test_a_host_whose_other_devices_may_decide_is_read_whole(name: str) -> None:
    root = Memory(READ_ON[name])
    assert differences(root)[1] == 0
    assert take_for(root, Asked(["0000:01:00.0"])) == take(root)


def owned() -> dict[str, Entry]:
    """A virtual function on VFIO, as is its owner in another group, which has a third function."""
    owner, other = Function("0000:02:00.0", driver="vfio-pci"), Function("0000:03:00.0")
    host = x86_host({0: [Function("0000:01:00.0", driver="vfio-pci")], 1: [owner, other]})
    return host | {
        f"{home(owner)}/sriov_numvfs": b"1\n",
        "/sys/devices/pci0000:01/0000:01:00.0/physfn": Link("../../pci0000:02/0000:02:00.0"),
    }


def test_the_owner_of_a_virtual_function_is_read_with_it() -> None:
    assert differences(Memory(owned())) == ([], 5)
    snapshot = few(Memory(owned()), Asked(["0000:01:00.0"]))
    assert isinstance(snapshot, Snapshot)
    assert [members.group.id for members in snapshot.judged] == [0]


def test_an_owner_that_its_group_does_not_list_is_read_with_the_whole_host() -> None:
    host = owned()
    del host["/sys/kernel/iommu_groups/1/devices/0000:02:00.0"]
    assert few(Memory(host), Asked(["0000:01:00.0"])) is None


@given(broken_hosts())
@settings(max_examples=150, deadline=None)
def test_no_host_gets_another_verdict_by_its_groups_alone(host: dict[str, Entry]) -> None:
    assert differences(Memory(host))[0] == []


#: A few hosts are enough here, as each fault costs two readings of all their devices.
FAULTY = sorted(HOSTS)[::4]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FAULTY)
def test_no_fault_makes_a_difference(name: str) -> None:
    memory = Memory(HOSTS[name])
    watching = Watching(memory)
    take(watching)
    asking = Asked(["0000:01:00.0"]), Asked(groups=[1])
    for asked in asking:
        few(watching, asked)
    wrong: list[object] = []
    for path in watching.paths:
        for fault in faults.ALL:
            memory.begin()
            root = Faulty(memory, path, fault)
            decided = [asked for asked in asking if few(root, asked) is not None]
            judged = judge(take(root), "now") if decided else None
            if judged is not None:
                differ = differences_from(judged, root, decided)[0]
                wrong += [(f"{fault} at {path}", difference) for difference in differ]
    assert wrong == []


def whole(capture: Path) -> dict[str, Entry]:
    """The recorded host, with the lists of groups and units that a reading of all leaves out."""
    recording = Recording(open_root(str(capture)))
    snapshot = take(recording)
    entries = recording.entries
    for members in snapshot.members:
        for device in members.devices:
            home = device.uevent.source.rpartition("/")[0]
            path = f"/sys/kernel/iommu_groups/{members.group.id}/devices/{device.name}"
            if device.bus == "pci":
                entries.setdefault(path, Link(home))
    for path, entry in list(entries.items()):
        name = path.rpartition("/")[2]
        if entry == b"" and path.rpartition("/")[0].endswith("/devices") and "/iommu/" in path:
            entries[path] = Link(f"/sys/bus/pci/devices/{name}")
    return entries


def _id(path: Path) -> str:
    return f"{path.parent.name} {path.name.partition('.')[0]}"


@pytest.mark.parametrize("capture", CAPTURES, ids=_id)
def test_a_recorded_host_answers_alike(capture: Path) -> None:
    entries = whole(capture)
    for pinned in None, "irq_domain_check_msi_remap":
        assert differences(Memory(entries), pinned)[0] == []


def test_recorded_hosts_of_newer_kernels_are_decided_by_the_groups_alone() -> None:
    decided = [_id(path) for path in CAPTURES if differences(Memory(whole(path)))[1]]
    assert len([name for name in decided if name.startswith(("6.12", "7.3"))]) > 20, decided


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("host", ["remapping on", "remapping on, a function without MSIs"])
def test_a_hostile_tree_answers_alike(tmp_path: Path, path: str, host: str) -> None:
    base = Path(trees.write(tmp_path / "host", PLAIN[host]))
    (tmp_path / "outside").mkdir()
    replace(base / path, link_to(ESCAPES[path]))
    assert UP in ESCAPES[path] or path == "proc"
    assert differences(Tree(str(base)))[0] == []


# A host with more interrupts than are read one by one.


def interrupts(chips: dict[int, str], rows: str = " NMI:          0   interrupts\n") -> bytes:
    lines = "".join(f"{n:>5}:          0  {chip:<12} {n}-edge  x\n" for n, chip in chips.items())
    return f"            CPU0\n{lines}{rows}".encode()


def large(chip: str, count: int = 1200) -> dict[str, Entry]:
    """A host with this chip on all interrupts that no function of a group has."""
    host = x86_host(2, msis=False, remapping=chip.startswith("IR-"))
    wired = host["/sys/kernel/irq/0/chip_name"]
    assert isinstance(wired, bytes)
    chips = {1: wired.decode().strip()} | dict.fromkeys(range(24, 24 + count), chip)
    for number, name in chips.items():
        host[f"/sys/kernel/irq/{number}/chip_name"] = f"{name}\n".encode()
    host["/proc/interrupts"] = interrupts(chips)
    return host


def chips_of(tmp_path: Path, host: dict[str, Entry]) -> Chips | None:
    for root in Tree(trees.write(tmp_path / "host", host)), Memory(host):
        chips = all_chips.read(root, root.under("/sys/kernel/irq"))
        assert chips == all_chips.read(Memory(host), Memory(host).under("/sys/kernel/irq"))
    return chips


def test_many_interrupts_are_known_by_one_file(tmp_path: Path) -> None:
    host = large("IR-PCI-MSIX-0000:09:00.0")
    watching = Watching(Tree(trees.write(tmp_path / "host", host)))
    chips = all_chips.read(watching, watching.under("/sys/kernel/irq"))
    assert chips == Chips(remapped=True, generic=False)
    assert len(watching.calls) < 40
    assert not watching.asked("listdir")


@pytest.mark.parametrize("number", [0, 2, 24, 600, 1223, 1224, 5000])
def test_an_interrupt_without_a_handler_is_found(tmp_path: Path, number: int) -> None:
    host = large("IR-PCI-MSIX-0000:09:00.0")
    raw = host["/proc/interrupts"]
    assert isinstance(raw, bytes)
    lines = raw.splitlines(keepends=True)
    host["/proc/interrupts"] = b"".join(
        line for line in lines if not line.lstrip().startswith(b"%d:" % number)
    )
    host[f"/sys/kernel/irq/{number}/chip_name"] = b"PCI-MSI\n"
    assert chips_of(tmp_path, host) == Chips(remapped=True, generic=True)


@pytest.mark.parametrize("number", [24, 700, 1223])
def test_one_chip_among_many_is_found(tmp_path: Path, number: int) -> None:
    host = large("IR-PCI-MSIX-0000:09:00.0")
    chips = dict.fromkeys(range(24, 1224), "IR-PCI-MSIX-0000:09:00.0")
    chips[number] = "PCI-MSI-0000:0a:00.0"
    host["/proc/interrupts"] = interrupts({0: "IR-IO-APIC", 1: "IR-IO-APIC"} | chips)
    assert chips_of(tmp_path, host) == Chips(remapped=True, generic=True)


def test_many_unmapped_interrupts_show_no_remapped_one(tmp_path: Path) -> None:
    chips = chips_of(tmp_path, large("PCI-MSIX-0000:09:00.0"))
    assert chips == Chips(remapped=False, generic=True)


BAD_FILES = {
    "cut": interrupts(dict.fromkeys(range(1300), "IR-IO-APIC"), rows="")[:-1],
    "more interrupts than there are": interrupts(dict.fromkeys(range(1300), "IR-IO-APIC")),
    "empty": b"",
    "no interrupt": b"            CPU0\n NMI:   0\n",
    "noise": b"\x00\xff" * 3000 + b"\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_does_not_fit_decides_nothing(tmp_path: Path, name: str) -> None:
    host = large("IR-PCI-MSIX-0000:09:00.0") | {"/proc/interrupts": BAD_FILES[name]}
    assert chips_of(tmp_path, host) is None


def test_a_large_host_answers_alike(tmp_path: Path) -> None:
    for chip in "IR-PCI-MSIX-0000:09:00.0", "PCI-MSIX-0000:09:00.0":
        shutil.rmtree(tmp_path, ignore_errors=True)
        root = Tree(trees.write(tmp_path / "host", large(chip)))
        wrong, decided = differences(root)
        assert (wrong, decided) == ([], 4)


def test_a_reading_of_one_group_does_not_touch_the_others() -> None:
    watching = Watching(Memory(x86_host(40)))
    snapshot = few(watching, Asked(["0000:01:00.0"]))
    assert isinstance(snapshot, Snapshot)
    assert [members.group.id for members in snapshot.members] == [0]
    assert not [path for path in watching.paths if "0000:02:00.0" in path]
