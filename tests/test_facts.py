"""What devices are, beside what decides: names, places, resets, the way through iommufd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import vfioguard
from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.device_facts import DeviceFacts
from vfioguard.judging.described import described
from vfioguard.kernel.pci import classes, names
from vfioguard.kernel.roles import needed
from vfioguard.output.facts.json import facts_json
from vfioguard.output.facts.lines import facts_lines
from vfioguard.reading import facts
from vfioguard.reading.take import take
from vfioguard.root import capture
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.recording import Recording

NIC, VF = "0000:02:00.0", "0000:02:10.0"
PORT = "0000:00:1c.0"
IDS = b"""\
# a comment
10de  NVIDIA Corporation
\t10d3  a device of another vendor
8086  Intel Corporation
\t10d2  Another
# a comment within
\t10d3  82574L Gigabit Network Connection
\t\t8086 a01f  Gigabit CT Desktop Adapter
8087  Not Intel
\t10d3  Not this either
C 02  Network controller
\t00  Ethernet controller
"""
MDEV = "c0ffee00-0000-4000-8000-000000000001"


def host() -> dict[str, Entry]:
    nic = Function(NIC, "IR-PCI-MSIX", below=(PORT,), vectors=5)
    entries = x86_host({0: [nic], 1: [Function(VF, driver="vfio-pci", below=(PORT,))]})
    home = f"/sys/devices/pci0000:00/{PORT}"
    for name in NIC, VF:
        entries[f"{home}/{name}/iommu"] = Link("../../../virtual/iommu/dmar0")
    return entries | {
        f"{home}/{NIC}/numa_node": b"1\n",
        f"{home}/{NIC}/reset_method": b"flr bus\n",
        f"{home}/{VF}/numa_node": b"-1\n",
        f"{home}/{VF}/reset_method": b"",
        f"{home}/{VF}/physfn": Link(f"../{NIC}"),
        f"{home}/{VF}/vfio-dev/vfio3/dev": b"511:3\n",
        "/sys/class/misc/iommu/dev": b"10:126\n",
        "/usr/share/misc/pci.ids": IDS,
        f"/sys/bus/mdev/devices/{MDEV}": Link(f"../../../devices/pci0000:00/{PORT}/{NIC}/{MDEV}"),
        f"{home}/{NIC}/{MDEV}/uevent": b"DRIVER=vfio_mdev\n",
        f"{home}/{NIC}/{MDEV}/subsystem": Link("/sys/bus/mdev"),
        "/proc/self/mountinfo": b"36 35 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n",
        "/proc/swaps": b"Filename Type Size Used Priority\n",
        "/proc/net/route": b"Iface\tDestination\n",
        "/sys/dev/block/259:1": Link(f"../../devices/pci0000:00/{PORT}/{NIC}/block/x/x1"),
        "/sys/class/block/x1": Link(f"../../devices/pci0000:00/{PORT}/{NIC}/block/x/x1"),
    }


def of(name: str, entries: dict[str, Entry] | None = None) -> DeviceFacts:
    root = Memory(entries or host())
    return described(take(root), facts.facts(root, [name]))[name]


def test_all_that_is_known_of_a_function() -> None:
    assert of(NIC) == DeviceFacts(
        id="8086:10d3",
        vendor_name="Intel Corporation",
        device_name="82574L Gigabit Network Connection",
        class_name="Ethernet controller",
        physical_function=None,
        parent=None,
        port=PORT,
        numa_node=1,
        iommu="dmar0",
        reset_methods=("flr", "bus"),
        msi_vectors=5,
        msi_chip=f"IR-PCI-MSIX-{NIC}",
        roles=("the disk of /",),
        cdev=None,
        iommufd=True,
        coherent=True,
    )


def test_all_that_is_known_of_a_virtual_function_on_vfio() -> None:
    known = of(VF)
    assert (known.physical_function, known.numa_node, known.reset_methods) == (NIC, None, ())
    assert (known.cdev, known.iommufd_complete, known.roles) == (
        "/dev/vfio/devices/vfio3",
        True,
        (),
    )


def test_a_mediated_device_has_a_parent() -> None:
    known = of(MDEV)
    assert (known.parent, known.id, known.port) == (NIC, None, None)


def test_a_device_that_is_not_there_has_no_facts() -> None:
    assert facts.facts(Memory(host()), ["0000:09:00.0", "PNP0103:00", "../x"]) == {}


@pytest.mark.parametrize(
    ("iommufd", "cdev", "coherent", "complete"),
    [
        (True, "/dev/x", True, True),
        (None, "/dev/x", True, None),
        (True, None, True, False),
        (True, "/dev/x", False, False),
        (False, "/dev/x", None, False),
        (True, "/dev/x", None, None),
    ],
)
def test_the_way_through_iommufd_has_three_parts(
    iommufd: bool | None, cdev: str | None, coherent: bool | None, complete: bool | None
) -> None:
    known = of(VF)._replace(iommufd=iommufd, cdev=cdev, coherent=coherent)
    assert known.iommufd_complete is complete
    assert facts_json(known)["iommufd"]["complete"] is complete


def named(raw: bytes, identity: str = "8086:10D3") -> tuple[str | None, str | None] | None:
    return names.read(Memory({"/usr/share/hwdata/pci.ids": raw}), [identity]).get(identity)


NAMES = {
    b"": (None, None),
    b"8086  Intel\n": ("Intel", None),
    b"8086  Intel": ("Intel", None),
    b"8086  Intel\n\t10d3  A\n\t10d3  B\n": ("Intel", "A"),
    b"8086  \x1b[2J\xe2\x80\xae\n\t10d3  \xff\n": ("\\x1b[2J\\xe2\\x80\\xae", "\\xff"),
    b"8086  Intel\n\t10d4  A\n1234  B\n\t10d3  C\n": ("Intel", None),
    b"\t10d3  A\n8086  Intel\n": ("Intel", None),
    b"8086  Intel\n" * 3: ("Intel", None),
    b"8086 " + b"x" * 5000 + b"\n": ("x" * 120, None),
    b"\x00" * 4096: (None, None),
}


@pytest.mark.parametrize("raw", NAMES, ids=range(len(NAMES)))
def test_the_list_of_names_is_read_as_it_is(raw: bytes) -> None:
    assert named(raw) == NAMES[raw]


def test_the_first_list_counts_and_a_large_one_is_read_quickly() -> None:
    filler = b"".join(b"%04x  Vendor\n" % n + b"\t0001  Device\n" * 60 for n in range(1, 2000))
    both: dict[str, Entry] = {names.PATHS[0]: filler + IDS, names.PATHS[1]: b"8086  Other\n"}
    assert names.read(Memory(both), ["8086:10d3"])["8086:10d3"][0] == "Intel Corporation"


def test_a_host_without_a_list_has_no_names() -> None:
    assert dict(names.read(Memory({}), ["8086:10d3"])) == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x020000, "Ethernet controller"),
        (0x010802, "NVMe controller"),
        (0x02FF00, "network controller"),
        (0x120000, "processing accelerator"),
        (0xEE0000, "device of a class not listed"),
    ],
)
def test_a_class_has_words(code: int, words: str) -> None:
    assert classes.words(code) == words


def test_the_lines_tell_what_is_known() -> None:
    assert list(facts_lines(of(NIC))) == [
        "8086:10d3 Intel Corporation 82574L Gigabit Network Connection, Ethernet controller",
        f"behind dmar0, below {PORT}, NUMA node 1",
        f"5 MSIs of IR-PCI-MSIX-{NIC}, resets: flr bus",
        "the host needs it: the disk of /",
    ]
    assert list(facts_lines(of(VF)))[-1] == "iommufd by /dev/vfio/devices/vfio3"


def test_explain_and_the_wide_report_show_them(tmp_path: Path) -> None:
    root = trees.write(tmp_path / "root", host())
    explained = vfioguard("explain", "--root", root, NIC).stdout
    assert "the host needs it: the disk of /" in " ".join(explained.split())
    wide = vfioguard("report", "--root", root, "--wide").stdout
    assert f"virtual function of {NIC}" in " ".join(wide.split())
    document = json.loads(vfioguard("report", "--root", root, "--wide", "--output", "json").stdout)
    assert document["facts"][NIC]["reset_methods"] == ["flr", "bus"]
    told = json.loads(vfioguard("explain", "--json", "--root", root, NIC, "EPERM").stdout)
    assert [list(answer["facts"]) for answer in told["answers"]] == [[NIC], []]
    assert told["answers"][0]["facts"][NIC] == document["facts"][NIC]
    plain = json.loads(vfioguard("report", "--root", root, "--output", "json").stdout)
    assert "facts" not in plain
    refused = vfioguard("report", "--root", root, "--wide", "--output", "prometheus")
    assert refused.returncode == 3
    assert "--wide is for text and json" in refused.stderr


def test_a_capture_has_the_facts_and_nothing_private(tmp_path: Path) -> None:
    entries = host()
    secret = b"36 35 259:1 / /home/anna rw - ext4 /dev/mapper/luks-c0ffee rw\n"
    mounts = entries["/proc/self/mountinfo"]
    assert isinstance(mounts, bytes)
    entries["/proc/self/mountinfo"] = mounts + secret
    file = str(tmp_path / "host.tar")
    root = trees.write(tmp_path / "root", entries)
    assert vfioguard("capture", "--root", root, file).returncode == 0
    replay = capture.load(file)
    assert facts.facts(replay, [NIC, VF]) == facts.facts(Memory(entries), [NIC, VF])
    raw = Path(file).read_bytes()
    assert [word for word in (b"anna", b"luks", b"mountinfo", b"NVIDIA") if word in raw] == []


def test_a_large_host_is_captured_without_the_facts_of_each_device() -> None:
    entries = x86_host(1100)
    recording = Recording(Memory(entries))
    facts.recorded(Memory(entries), recording)
    assert not [path for path in recording.entries if path.endswith("/numa_node")]
    assert needed.RECORDED not in recording.entries
