"""A foreign directory as the host: each odd file costs one fact, and nothing outside is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.hosts import x86_host
from vfioguard.fact import Fact, Gap
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.recording import Recording
from vfioguard.root.tree import Tree
from vfioguard.snapshot import Snapshot
from vfioguard.verdict import Outcome

BDF = "0000:01:00.0"
DEVICE = f"/sys/devices/pci0000:01/{BDF}"
#: A value that no reader would refuse, so that only its absence shows that it was not read.
DECOY = b"IR-PCI-MSIX-from-outside\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Three groups; beside the root, a directory full of decoys."""
    trees.write(tmp_path / "host", x86_host(3))
    outside = tmp_path / "outside"
    (outside / "msi_irqs").mkdir(parents=True)
    for name in ("chip_name", "type", "uevent", "msi_irqs/24"):
        (outside / name).write_bytes(DECOY)
    return tmp_path / "host"


def seen(host: Path) -> tuple[Snapshot, bytes]:
    recording = Recording(Tree(str(host)))
    snapshot = take(recording)
    return snapshot, b"\n".join(e for e in recording.entries.values() if isinstance(e, bytes))


def replace(path: Path, make: Callable[[Path], object]) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
    make(path)


def link_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def large(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(10 << 20)


UP = "../" * 12
KINDS: dict[str, Callable[[Path], object]] = {
    "a link outside, relative": link_to(f"{UP}outside/chip_name"),
    "a link outside, from the root": link_to("/../outside/chip_name"),
    "a link to itself": link_to("chip_name"),
    "a link to nowhere": link_to("nowhere"),
    "a link to the root": link_to("/"),
    "a FIFO": os.mkfifo,
    "a directory": lambda path: path.mkdir(),
    "10 MB": large,
    "4097 bytes": lambda path: path.write_bytes(b"x" * 4097),
    "not ASCII": lambda path: path.write_bytes("é\n".encode()),
    "a NUL": lambda path: path.write_bytes(b"IR-PCI\0MSI\n"),
    "two lines": lambda path: path.write_bytes(b"IR-PCI-MSI\nIR-PCI-MSI\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_chip_name_costs_one_fact(host: Path, kind: str) -> None:
    before, _ = seen(host)
    replace(host / "sys/kernel/irq/24/chip_name", KINDS[kind])
    after, _ = seen(host)
    assert isinstance(after.groups, Fact)
    assert isinstance(before.groups, Fact)
    broken, *others = after.groups.value
    assert isinstance(broken.devices[0].chip, Gap)
    assert others == list(before.groups.value[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_chip_name_leaves_only_its_group_unknown(host: Path, kind: str) -> None:
    replace(host / "sys/kernel/irq/24/chip_name", KINDS[kind])
    outcomes = [group.outcome for group in evaluate(take(Tree(str(host))), "now").groups]
    assert outcomes == [Outcome.UNKNOWN, Outcome.ALLOWED, Outcome.ALLOWED]


# Below the root: what is replaced -> by a link of which text.
ESCAPES = {
    "sys/kernel/irq/24": f"{UP}outside",
    "sys/kernel/irq": f"{UP}outside",
    f"{DEVICE[1:]}/msi_irqs": f"{UP}outside/msi_irqs",
    f"{DEVICE[1:]}/uevent": f"{UP}outside/uevent",
    f"{DEVICE[1:]}/iommu_group": f"{UP}outside",
    f"sys/bus/pci/devices/{BDF}": f"{UP}outside",
    "sys/bus/pci/devices": f"{UP}outside",
    "sys/kernel/iommu_groups/0": f"{UP}outside",
    "sys/kernel/iommu_groups/0/type": f"{UP}outside/type",
    "sys/kernel/iommu_groups/0/devices": f"{UP}outside",
    f"sys/kernel/iommu_groups/0/devices/{BDF}": f"{UP}outside",
    "sys/class/iommu/dmar0": f"{UP}outside",
    "sys/class/iommu": f"{UP}outside",
    "proc": "../outside",
}


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("path", ESCAPES)
def test_nothing_outside_is_read_through_a_link(host: Path, path: str, *, absolute: bool) -> None:
    target = ESCAPES[path].replace(UP, f"{host.parent}/") if absolute else ESCAPES[path]
    replace(host / path, link_to(target))
    snapshot, content = seen(host)
    assert DECOY.strip() not in content
    assert "outside" not in str(snapshot.kernel)
    evaluate(snapshot, "now")


# Every open and every listing of the scan, with its directory's real path; a hook cannot be taken
# off again, so it has a process of its own.
AUDIT = """
import os, sys
from vfioguard.root.by_name import ByName
from vfioguard.root.tree import Tree
from vfioguard.reading.take import take
host, package = sys.argv[1:]  # the package lists its own leaves
def hook(event, args):
    if event in {"open", "os.listdir", "os.scandir"} and watching and args[0] != ".":
        real = os.path.join(os.path.realpath(os.path.dirname(args[0])), os.path.basename(args[0]))
        if not real.startswith((host + "/", package + "/")):
            opened.append(real)
opened, watching = [], []
take(Tree(host, inside=ByName))  # imports what it needs
sys.addaudithook(hook)
watching.append(True)
take(Tree(host, inside=ByName))
watching.clear()
print(opened)
"""


def test_nothing_outside_is_opened(host: Path) -> None:
    replaced = [path for path in ESCAPES if path.count("/") > 3]
    for path in replaced:
        if os.path.lexists(host / path):
            replace(host / path, link_to(ESCAPES[path]))
    package = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, os.path.realpath(host), str(package)],
        env={"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_name_that_is_not_utf_8_costs_nothing_else(host: Path) -> None:
    base = os.fsencode(host)
    for directory in (b"sys/kernel/iommu_groups", b"sys/class/iommu", b"sys/bus/pci/devices"):
        os.mkdir(base + b"/" + directory + b"/caf\xe9")
    report = evaluate(take(Tree(str(host))), "now")
    assert [group.outcome for group in report.groups] == [Outcome.ALLOWED] * 3
    str(report).encode()


def test_a_member_whose_name_is_not_utf_8_is_shown_in_ascii(host: Path) -> None:
    base = os.fsencode(host)
    os.mkdir(base + b"/sys/devices/caf\xe9")
    os.symlink(b"../../../../devices/caf\xe9", base + b"/sys/kernel/iommu_groups/0/devices/d")
    for name in (b"/sys/class/iommu", b"/sys/devices/virtual/iommu"):
        shutil.rmtree(base + name)  # so that the groups' own lists are read
    report = evaluate(take(Tree(str(host))), "now")
    assert [device.name for device in report.groups[0].devices] == [BDF, "caf\\xe9"]
    str(report).encode()


@pytest.mark.parametrize("name", ["stray", "+1", "00", "-1", "1 ", "1e1", "\u0661"])
def test_a_stray_name_among_the_groups_is_no_group(host: Path, name: str) -> None:
    (host / "sys/kernel/iommu_groups" / name).mkdir()
    assert [group.id for group in evaluate(take(Tree(str(host))), "now").groups] == [0, 1, 2]


def test_nothing_below_the_root_is_changed(host: Path) -> None:
    def state() -> list[tuple[str, int, int]]:
        paths = [host, *sorted(host.rglob("*"))]
        return [(str(p), (s := p.lstat()).st_mtime_ns, s.st_size) for p in paths]

    before = state()
    evaluate(take(Tree(str(host))), "now")
    assert state() == before
