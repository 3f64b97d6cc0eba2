"""Who holds a group: real processes that hold real files open."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.serve.document import holds
from tests.serve.serving import Client, Clock, latest_of, scan_of
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.fact import Gap
from vfioguard.reading.holders import look, plain_holder
from vfioguard.report import GroupReport, Report
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.serve.host.holders import EVERY, Holders

REPOSITORY = Path(__file__).parents[2]
A, B = "0000:01:00.0", "0000:02:00.0"
HOST = x86_host({3: [Function(A, None, "vfio-pci")], 4: [Function(B, None, "e1000e")]})


def nodes(**groups: str) -> dict[str, Entry]:
    """vfioX -> the function that it opens: what the class shows."""
    found: dict[str, Entry] = {}
    for node, function in groups.items():
        home = f"/sys/devices/pci{function[:7]}/{function}"
        found[f"/sys/class/vfio-dev/{node}"] = Link(f"../..{home[4:]}/vfio-dev/{node}")
        found[f"{home}/vfio-dev/{node}/device"] = Link(f"../../../{function}")
    return found


_HOLD = "import sys; files = [open(p) for p in sys.argv[1:]]; print('held', flush=True); input()"


@contextlib.contextmanager
def a_process_with(*paths: Path, code: str = _HOLD) -> Iterator[int]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.kill()


def group(report: Report, number: int) -> GroupReport:
    return next(one for one in report.groups if one.id == number)


def ours() -> list[int]:
    """The processes that we may look into whatever else runs here."""
    me = psutil.Process()
    return [me.pid, *(child.pid for child in me.children())]


def holders_of(
    dev: Path,
    entries: Mapping[str, Entry] = HOST | nodes(vfio7=A),
    clock: Callable[[], float] = time.monotonic,
) -> Holders:
    return Holders(lambda: Memory(entries), str(dev), ours, clock)


def paths(*nodes: Path) -> Callable[[str], int | None]:
    """Each of them opens group 3."""
    return dict.fromkeys(map(str, nodes), 3).get


def root_in_the_first_namespace() -> None:
    """What these tests are about is not to be seen otherwise."""
    assert os.geteuid() == 0
    assert os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"


@pytest.mark.parametrize("node", ["3", "devices/vfio7"])
@pytest.mark.needs_root
def test_a_process_that_holds_the_node_is_named(tmp_path: Path, node: str) -> None:
    root_in_the_first_namespace()
    with a_process_with(tmp_path / node) as pid:
        report = holders_of(tmp_path).add(scan_of(HOST).report)
        (holder,) = group(report, 3).holders or ()
        began = psutil.Process(pid).create_time()
    assert holder.pid == pid
    assert holder.name.startswith("python")
    assert holder.since == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
    assert group(report, 4).holders is None, "no member is bound to VFIO: nobody looked"


_HOLD_EVENT = "import os; held = os.eventfd(0); "


@pytest.mark.parametrize("with_node", [False, True])
@pytest.mark.needs_root
def test_a_device_without_its_node_may_be_of_any_group(tmp_path: Path, *, with_node: bool) -> None:
    root_in_the_first_namespace()
    node = tmp_path / "3"
    with a_process_with(*([node] if with_node else []), code=_HOLD_EVENT + _HOLD) as pid:
        held = look(paths(node), [pid], plain_holder, device="anon_inode:[eventfd]")
    if with_node:
        assert (list(held.groups), held.gap) == ([3], None)
        return
    gap = held.of(3)
    assert isinstance(gap, Gap)
    assert gap.detail.startswith(f"who holds /dev/vfio is not known: process {pid} (python")


@pytest.mark.needs_root
def test_one_process_with_both_nodes_is_one_holder(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    with a_process_with(tmp_path / "3", tmp_path / "devices" / "vfio7") as pid:
        held = look(paths(tmp_path / "3", tmp_path / "devices" / "vfio7"), ours(), plain_holder)
    assert [holder.pid for holder in held.groups[3]] == [pid]
    assert held.gap is None


@pytest.mark.needs_root
def test_it_is_found_among_all_processes(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    node = tmp_path / "3"
    with a_process_with(node) as pid:
        held = look(paths(node), psutil.pids(), plain_holder)
    assert [holder.pid for holder in held.groups[3]] == [pid]


@pytest.mark.needs_root
def test_a_group_that_nobody_holds_has_no_holder(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    report = holders_of(tmp_path).add(scan_of(HOST).report)
    assert group(report, 3).holders == ()


def test_a_host_without_vfio_is_not_looked_at(tmp_path: Path) -> None:
    report = scan_of(x86_host(3)).report
    assert holders_of(tmp_path).add(report) is report


@pytest.mark.needs_root
def test_a_look_is_taken_now_and_then_and_when_there_are_other_nodes(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    clock = Clock()
    holders, report = holders_of(tmp_path, clock=clock), scan_of(HOST).report
    assert group(holders.add(report), 3).holders == ()
    with a_process_with(tmp_path / "3"):
        assert group(holders.add(report), 3).holders == ()
        clock.now += EVERY
        assert group(holders.add(report), 3).holders
    other = scan_of(x86_host({3: [Function(A, None, None)], 5: [Function(B, None, "vfio-pci")]}))
    with a_process_with(tmp_path / "5"):
        assert group(holders.add(other.report), 5).holders


@pytest.mark.needs_root
def test_a_holder_that_ended_holds_nothing_at_the_next_reading(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    holders = holders_of(tmp_path, clock=Clock())
    with a_process_with(tmp_path / "3") as pid:
        report = holders.add(scan_of(HOST).report)
        assert [holder.pid for holder in group(report, 3).holders or ()] == [pid]
    report = holders.add(scan_of(HOST).report)
    assert group(report, 3).holders == ()


@pytest.mark.needs_root
def test_a_node_that_came_after_its_driver_was_shown_is_found_at_the_next_look(
    tmp_path: Path,
) -> None:
    root_in_the_first_namespace()
    entries = dict(x86_host({3: [Function(A, None, "vfio-pci")]}))
    clock = Clock()
    holders, report = holders_of(tmp_path, entries, clock), scan_of(entries).report
    with a_process_with(tmp_path / "devices" / "vfio7") as pid:
        assert group(holders.add(report), 3).holders == ()
        entries |= nodes(vfio7=A)
        clock.now += EVERY
        assert [one.pid for one in group(holders.add(report), 3).holders or ()] == [pid]


@pytest.mark.needs_root
def test_a_node_whose_name_was_given_away_again_is_that_of_its_group_now(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    both = {3: [Function(A, None, "vfio-pci")], 4: [Function(B, None, "vfio-pci")]}
    entries = dict(x86_host(both)) | nodes(vfio0=A, vfio1=B)
    clock = Clock()
    holders, report = holders_of(tmp_path, entries, clock), scan_of(entries).report
    with a_process_with(tmp_path / "devices" / "vfio1") as pid:
        first = holders.add(report)
        entries |= nodes(vfio0=B, vfio1=A)
        clock.now += EVERY
        second = holders.add(report)
    held = [[len(group(one, n).holders or ()) for n in (3, 4)] for one in (first, second)]
    assert held == [[0, 1], [1, 0]]
    assert [one.pid for one in group(second, 3).holders or ()] == [pid]


@pytest.mark.needs_root
def test_after_a_look_that_failed_the_next_one_finds_everything(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    one = {3: [Function(A, None, "vfio-pci")]}
    two = one | {4: [Function(B, None, "vfio-pci")]}
    broken = [False]

    def processes() -> list[int]:
        if broken[0]:
            raise OSError(errno.EMFILE, "too many open files")
        return ours()

    clock = Clock()
    holders = Holders(lambda: Memory(HOST), str(tmp_path), processes, clock)
    small, large = scan_of(x86_host(one)).report, scan_of(x86_host(two)).report
    holders.add(small)
    broken[0] = True
    with pytest.raises(OSError, match="too many"):
        holders.add(large)
    broken[0] = False
    with a_process_with(tmp_path / "3") as pid:
        found = group(holders.add(small), 3).holders or ()
    assert [holder.pid for holder in found] == [pid]


def test_groups_that_stay_are_not_looked_at_again_for_one_that_changes(tmp_path: Path) -> None:
    both = {3: [Function(A, None, "vfio-pci")], 4: [Function(B, None, "vfio-pci")]}
    holders, report = holders_of(tmp_path, x86_host(both)), scan_of(x86_host(both)).report
    once = holders.add(report)
    third = report.groups[1]._replace(type="identity")
    again = holders.add(report._replace(groups=(report.groups[0], third)))
    assert again.groups[0] is once.groups[0]
    assert again.groups[1] == third._replace(holders=once.groups[1].holders)


def test_what_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    holders, report = holders_of(tmp_path), scan_of(HOST).report
    once = holders.add(report)
    again = holders.add(report._replace(generated_at="later"))
    assert all(one is other for one, other in zip(once.groups, again.groups, strict=True))
    assert once.groups[1] is report.groups[1]


@pytest.mark.needs_root
def test_without_the_privilege_it_is_a_gap_and_no_error(tmp_path: Path) -> None:
    code = (
        "import psutil\n"
        "from vfioguard.reading.holders import look, plain_holder\n"
        "held = look({'/dev/vfio/3': 3}.get, psutil.pids(), plain_holder)\n"
        "print(dict(held.groups), held.gap.why, held.gap.errno)"
    )
    tmp_path.chmod(0o755)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])},
    )
    assert (result.stdout, result.stderr) == ("{} denied None\n", "")


@pytest.mark.needs_root
def test_another_pid_namespace_is_a_gap(tmp_path: Path) -> None:
    code = "from vfioguard.reading.holders import look; print(look({}.get, [], id).gap.detail)"
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "PID namespace" in result.stdout, result.stderr


@pytest.mark.needs_root
def test_a_hostile_name_is_a_plain_one(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    evil = tmp_path / "a\x1b[2J\n\u202eb"
    evil.symlink_to("/bin/sleep")
    node = tmp_path / "3"
    node.touch()
    with open(node) as file, subprocess.Popen([evil, "60"], pass_fds=[file.fileno()]) as process:
        held = look(paths(node), ours(), plain_holder)
        process.kill()
    names = [one.name for one in held.groups[3] if one.pid == process.pid]
    assert names
    assert all(name.isascii() and name.isprintable() for name in names)


@pytest.mark.needs_root
def test_the_holders_are_in_the_json_and_make_a_group_exposed(tmp_path: Path) -> None:
    root_in_the_first_namespace()
    refused = x86_host(
        {3: [Function(A, "PCI-MSIX", "vfio-pci")], 4: [Function(B, "PCI-MSIX")]},
        remapping=False,
        override=True,
    )
    scan = scan_of(refused)
    with a_process_with(tmp_path / "3") as pid:
        report = holders_of(tmp_path, refused).add(scan.report)
    client = Client(latest_of(scan._replace(report=report)))
    assert client.json("/v1/groups/3")["holders"][0]["pid"] == pid
    assert client.json("/v1/groups/4")["holders"] is None
    assert client.json("/v1/groups/3?policy=iommu_capable")["holders"][0]["pid"] == pid
    holds({"$ref": "#/components/schemas/OneGroup"}, client.json("/v1/groups/3"))
    assert "vfioguard_groups_exposed 1.0\n" in client.get("/metrics").text
