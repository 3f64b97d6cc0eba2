"""`vfioguard try`: which groups the kernel is asked about, by which calls, and what is said."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard import leaves
from vfioguard.attach import How
from vfioguard.cli import main, trying
from vfioguard.cli.asking import Question
from vfioguard.cli.failure import Failure
from vfioguard.cli.standing_by import Work
from vfioguard.cli.trying import Planned
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.judging.holding import held_by
from vfioguard.output.trial import json as as_json
from vfioguard.output.trial import text
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN, Choice, Holder, Missing
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.opening import open_root
from vfioguard.target import Targets
from vfioguard.trial import live
from vfioguard.trial.attach import Plan, attach
from vfioguard.tried import Tried, differing

REPOSITORY = Path(__file__).parents[2]
#: The verb's file: its name is a keyword.
VERB = leaves.module("vfioguard.cli.verbs.try")
A, B, C = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
VFIO, IOMMUFD = (ord(";") << 8) + 100, (ord(";") << 8) + 0x80
CHECK, SET_IOMMU, SET_CONTAINER, GET_DEVICE = VFIO + 1, VFIO + 2, VFIO + 4, VFIO + 6
BIND, ATTACH, ALLOC = VFIO + 18, VFIO + 19, IOMMUFD + 1


class Fake:
    """A kernel that answers with the given errnos, by path or ioctl, and notes what it is asked."""

    def __init__(self, errnos: Mapping[str | int, int] = {}, offers: int = 3) -> None:
        self.errnos = errnos
        self.offers = offers
        self.asked: list[tuple[str | int, bytes | int]] = []
        self.open_files: list[int] = []
        self.closed: list[int] = []

    def _answer(self, what: str | int) -> int:
        if what in self.errnos:
            raise OSError(self.errnos[what], os.strerror(self.errnos[what]))
        return 100 + len(self.asked)

    def open(self, path: str) -> int:
        self.asked.append((path, 0))
        file = self._answer(path)
        self.open_files.append(file)
        return file

    def ioctl(self, file: int, number: int, argument: bytearray | int) -> int:
        assert file in self.open_files
        if number == CHECK:
            return int(argument == self.offers)
        self.asked.append((number, argument if isinstance(argument, int) else bytes(argument)))
        result = self._answer(number)
        if number == GET_DEVICE:
            self.open_files.append(result)
            return result
        if number == ALLOC:
            assert isinstance(argument, bytearray)
            argument[8:12] = struct.pack("=I", 77)
        return 0

    def close(self, file: int) -> None:
        self.open_files.remove(file)
        self.closed.append(file)


def question(host: dict[str, Entry], targets: list[str], holders: object = ()) -> Question:
    judged = judge(take(Memory(host)), "now")
    names = Targets(judged.report)
    asks = trying.one_group_each(names.asks(targets))
    there = [each for each in asks if not isinstance(each, Missing)]
    groups = [held_by(group, holders) for group in names.groups(there)]  # type: ignore[arg-type]
    return Question(judged, asks, groups)


def plans(host: dict[str, Entry], targets: list[str], holders: object = ()) -> list[Planned]:
    asked = question(host, targets, holders)
    there = [each for each in asked.asks if not isinstance(each, Missing)]
    answers = check(asked.judged, asked.groups, there, NOTHING_CHOSEN, How(now=True))
    return trying.planned(asked, answers)


def tried(host: dict[str, Entry], kernel: Fake, *, open_devices: bool = False) -> Tried:
    (answer,) = trying.tried(kernel, plans(host, ["group:3"]), open_devices=open_devices)
    return answer


def bound(*, remapping: bool = True, override: bool = False) -> dict[str, Entry]:
    groups = {3: [Function(A, None, "vfio-pci"), Function(B, None, "vfio-pci")]}
    return x86_host(groups, remapping=remapping, override=override)


def test_a_container_is_set_up_call_by_call_and_no_device_is_opened() -> None:
    kernel = Fake()
    answer = tried(bound(), kernel)
    assert [what for what, _ in kernel.asked] == [
        "/dev/vfio/vfio", "/dev/vfio/3", SET_CONTAINER, SET_IOMMU,
    ]  # fmt: skip
    assert kernel.asked[2][1] == struct.pack("=i", 101)
    assert kernel.asked[3][1] == 3, "VFIO_TYPE1v2_IOMMU"
    assert (answer.status, answer.asked[0].agrees, answer.asked[0].opened) == (0, True, False)


def test_the_devices_are_opened_if_that_is_wanted_and_all_is_closed_in_reverse() -> None:
    kernel = Fake()
    answer = tried(bound(), kernel, open_devices=True)
    assert kernel.asked[4:] == [(GET_DEVICE, A.encode() + b"\0"), (GET_DEVICE, B.encode() + b"\0")]
    assert answer.asked[0].opened
    assert kernel.open_files == []
    assert kernel.closed == sorted(kernel.closed, reverse=True)


@pytest.mark.parametrize("backend", ["type1", "spapr_tce", "iommufd"])
@pytest.mark.parametrize("what", ["first open", "last open", "first ioctl", "last ioctl"])
def test_after_an_errno_nothing_more_is_asked_and_all_is_closed(backend: str, what: str) -> None:
    plan = Plan(3, (A, B), {A: "vfio0", B: "vfio1"})
    whole = Fake(offers=7 if backend == "spapr_tce" else 3)
    attach(whole, plan, backend, open_devices=True)  # type: ignore[arg-type]
    kind = str if "open" in what else int
    names = [each for each, _ in whole.asked if isinstance(each, kind)]
    failing = names[0 if "first" in what else -1]
    kernel = Fake({failing: errno.EIO})
    calls = attach(kernel, plan, backend, open_devices=True)  # type: ignore[arg-type]
    assert [each.errno for each in calls] == [None] * (len(calls) - 1) + ["EIO"]
    assert kernel.asked[-1][0] == failing
    assert kernel.open_files == []


def test_iommufd_takes_devices_by_their_nodes_into_one_address_space() -> None:
    kernel = Fake()
    calls = attach(kernel, Plan(3, (A, B), {A: "vfio7", B: "vfio8"}), "iommufd", open_devices=False)
    assert [what for what, _ in kernel.asked] == [
        "/dev/iommu",
        "/dev/vfio/devices/vfio7", BIND, ALLOC, ATTACH, "/dev/vfio/devices/vfio8", BIND, ATTACH,
    ]  # fmt: skip
    assert kernel.asked[2][1] == struct.pack("=IIiI", 16, 0, 101, 0)
    assert {argument for what, argument in kernel.asked if what == ATTACH} == {
        struct.pack("=III", 12, 0, 77)
    }
    assert [each.call for each in calls if each.on == A] == [
        "VFIO_DEVICE_BIND_IOMMUFD", "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
    ]  # fmt: skip


def test_iommufd_takes_devices_without_nodes_by_their_group() -> None:
    kernel = Fake()
    attach(kernel, Plan(3, (A,), {}), "iommufd", open_devices=False)
    assert [what for what, _ in kernel.asked] == [
        "/dev/iommu", "/dev/vfio/3", SET_CONTAINER, SET_IOMMU, GET_DEVICE,
    ]  # fmt: skip


@pytest.mark.parametrize(("offers", "kind"), [(7, 7), (2, 2), (0, 7)])
def test_power_has_a_container_of_its_own(offers: int, kind: int) -> None:
    kernel = Fake(offers=offers)
    attach(kernel, Plan(3, (A,), {}), "spapr_tce", open_devices=False)
    assert kernel.asked[-1] == (SET_IOMMU, kind)


def test_an_ioctl_of_power_has_another_number() -> None:
    assert live.request(SET_IOMMU, "x86_64") == live.request(SET_IOMMU, "aarch64") == 0x3B66
    assert live.request(SET_IOMMU, "ppc64le") == 0x20003B66


@pytest.mark.needs_root
def test_the_running_kernel_gives_its_errno() -> None:
    calls = attach(live.Live(), Plan(3, (A,), {}, "/proc/self"), "type1", open_devices=False)
    assert [(each.call, each.errno) for each in calls] == [("open", "ENOENT")]
    null = live.Live().open("/dev/null")
    with pytest.raises(OSError, match="ioctl") as caught:
        live.Live().ioctl(null, SET_IOMMU, 3)
    live.Live().close(null)
    assert caught.value.errno == errno.ENOTTY


def test_a_refusal_as_foretold_is_status_2() -> None:
    answer = tried(bound(remapping=False), Fake({SET_IOMMU: errno.EPERM}))
    assert (answer.status, answer.asked[0].agrees) == (2, True)
    first, *calls = text.lines([answer])
    assert first == (
        "as foretold: group:3 by type1: the kernel says no, EPERM from VFIO_SET_IOMMU; "
        "foretold no, EPERM from VFIO_SET_IOMMU"
    )
    assert calls[-1].split() == ["EPERM", "VFIO_SET_IOMMU", "/dev/vfio/vfio"]


def test_an_attach_by_the_override_is_status_1() -> None:
    assert tried(bound(remapping=False, override=True), Fake()).status == 1


@pytest.mark.parametrize(
    ("remapping", "errnos"),
    [
        (True, {SET_IOMMU: errno.EPERM}),
        (False, {}),
        (False, {SET_IOMMU: errno.ENODEV}),
        (False, {SET_CONTAINER: errno.EPERM}),
        (True, {"/dev/vfio/3": errno.EBUSY}),
    ],
)
def test_another_answer_of_the_kernel_is_status_3(
    errnos: dict[str | int, int], *, remapping: bool
) -> None:
    answer = tried(bound(remapping=remapping), Fake(errnos))
    assert (answer.status, answer.asked[0].agrees) == (3, False)
    assert differing([answer]) == list(answer.asked)
    assert next(text.lines([answer])).startswith("NOT AS FORETOLD: ")


def test_a_refusal_at_a_call_that_was_not_made_is_no_agreement() -> None:
    answer = tried(bound(), Fake())
    asked = answer.asked[0]
    later = asked._replace(
        foretold=asked.foretold._replace(
            answer=type(asked.foretold.answer).NO, errno="EIO", call="VFIO_GROUP_GET_DEVICE_FD"
        )
    )
    assert (later.agrees, later.status) == (None, 3)
    assert (later._replace(opened=True).agrees, later._replace(opened=True).status) == (False, 3)


def test_what_nobody_foretold_has_the_status_of_the_kernels_answer() -> None:
    asked = tried(bound(), Fake()).asked[0]
    unknown = asked._replace(
        foretold=asked.foretold._replace(answer=type(asked.foretold.answer).UNKNOWN)
    )
    assert (unknown.agrees, unknown.status) == (None, 0)


UNSEEN = (
    "it is not known who has the group open: ask as root, in the host's own PID namespace, "
    "while no program has a device open whose group's node it has closed"
)
NOIOMMU: dict[str, Entry] = {
    **x86_host({3: [Function(A, None, "vfio-pci")]}),
    "/sys/kernel/iommu_groups/3/type": b"unknown\n",
    "/sys/kernel/iommu_groups/3/name": b"vfio-noiommu\n",
}


@pytest.mark.parametrize(
    ("host", "holders", "said"),
    [
        (x86_host({3: [Function(A, None, "vfio-pci"), Function(B)]}), (),
         f"{B} (e1000e) is on no VFIO driver"),
        (x86_host({3: [Function(A, None, "vfio-pci"), Function(B, driver=None)]}), (),
         f"{B} (no driver) is on no VFIO driver"),
        (x86_host({3: [Function(A), Function(B)]}), None,
         f"{A} (e1000e), {B} (e1000e) are on no VFIO driver"),
        (bound(), (Holder(7, "qemu", None),), "qemu (process 7) has the group open"),
        (bound(), None, UNSEEN),
        (NOIOMMU, (), "no IOMMU translates its group, so nothing guards the host's memory"),
    ],
)  # fmt: skip
def test_what_the_kernel_is_not_asked(
    host: dict[str, Entry], holders: tuple[Holder, ...] | None, said: str
) -> None:
    kernel = Fake()
    (plan,) = plans(host, ["group:3"], holders)
    (answer,) = trying.tried(kernel, [plan], open_devices=True)
    assert (answer.why_not, answer.status, kernel.asked) == (said, 3, [])


def test_a_backend_that_the_kernel_lacks_is_told() -> None:
    asked = question(bound(), ["group:3"])
    there = [each for each in asked.asks if not isinstance(each, Missing)]
    answers = check(asked.judged, asked.groups, there, Choice(backend="iommufd"), How(now=True))
    (plan,) = trying.planned(asked, answers)
    assert plan.why_not == "this kernel has no iommufd"


def test_bridges_beside_the_devices_may_stay_on_their_driver() -> None:
    bridge = Function(C, None, "pcieport", pci_class=0x060400)
    (plan,) = plans(x86_host({3: [Function(A, None, "vfio-pci"), bridge]}), ["group:3"])
    assert plan.plan == Plan(3, (A,), {})


def test_an_id_of_several_groups_is_tried_function_by_function() -> None:
    host = x86_host({3: [Function(A, None, "vfio-pci")], 4: [Function(C, None, "vfio-pci")]})
    assert [(each.target, each.group) for each in plans(host, ["8086:10d3"])] == [(A, 3), (C, 4)]


def test_what_will_be_done_is_said_before() -> None:
    planned = plans(bound(), ["group:3"])
    assert VERB.intention(planned, open_devices=False) == [
        "attach group 3 as a guest's program would, map nothing, and let go of it"
    ]
    assert VERB.intention(planned, open_devices=True)[1:] == [
        f"open {A}, {B}: the kernel resets what it opens"
    ]


def test_the_document_has_the_calls_beside_what_was_foretold() -> None:
    host = bound(remapping=False)
    report = judge(take(Memory(host)), "now").report
    answer = tried(host, Fake({SET_IOMMU: errno.EPERM}))
    document = as_json.document(report, [answer], None)
    trial = document["targets"][0]["backends"]["type1"]
    assert (trial["agrees"], trial["errno"], trial["call"]) == (True, "EPERM", "VFIO_SET_IOMMU")
    assert trial["foretold"]["answer"] == "no"
    assert [each["errno"] for each in trial["calls"]] == [None, None, None, "EPERM"]
    json.dumps(document)


@pytest.mark.needs_root
def test_a_target_that_is_not_there_is_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "--yes", "group:99999"]) == 3
    assert "group:99999" in capsys.readouterr().err


def test_the_capture_needs_a_name_that_tells_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "--yes", "--capture", "answer.zip", "group:1"]) == 3
    assert "answer.zip: name it" in capsys.readouterr().err


@pytest.mark.needs_root
def test_only_root_may_ask() -> None:
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m",
         "vfioguard", "try", "--yes", "group:1"],
        cwd="/", capture_output=True, text=True, check=False,
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "only root can ask the kernel" in done.stderr


def shown(host: dict[str, Entry], kernel: Fake, at: Path) -> argparse.Namespace:
    """What `try` leaves of a host that is on the disk."""
    root = str(trees.write(at / "root", host))
    options = argparse.Namespace(
        root=root, acpi_tables=None, work=Work(), output="json", capture=str(at / "try.tar.xz")
    )
    report = judge(take(Memory(host)), "now").report
    VERB.show(options, report, [tried(host, kernel)])
    return options


def test_another_answer_than_foretold_is_captured_with_the_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = bound()
    options = shown(host, Fake({SET_IOMMU: errno.EPERM}), tmp_path)
    told = capsys.readouterr()
    assert "please send it" in told.err
    kept = open_root(options.capture)
    document = json.loads(kept.read(VERB.ANSWER, 1 << 20))
    assert document == json.loads(told.out)
    assert document["capture"] == options.capture
    assert document["targets"][0]["backends"]["type1"]["agrees"] is False
    again = judge(take(kept), "now").report
    assert [group.outcome for group in again.groups] == ["allowed"]


def test_an_answer_as_foretold_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = shown(bound(), Fake(), tmp_path)
    told = capsys.readouterr()
    assert (json.loads(told.out)["capture"], told.err) == (None, "")
    assert not os.path.exists(options.capture)


def test_without_a_terminal_nothing_is_done_unless_yes_is_said() -> None:
    assert not sys.stdin.isatty()
    with pytest.raises(Failure, match="say --yes if this shall be done: attach group 3 as"):
        VERB.ask(plans(bound(), ["group:3"]), open_devices=False)


def terminal_text(main_side: int) -> str:
    """All that was written to a terminal whose other side is closed, which ends it by EIO."""
    pieces: list[bytes] = []
    with contextlib.suppress(OSError):
        while piece := os.read(main_side, 1 << 16):
            pieces.append(piece)
    return b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y", True), ("yes", True), ("", False), ("n", False)]
)
def test_on_a_terminal_it_asks(typed: str, *, goes_on: bool) -> None:
    code = (
        "from tests.cli.test_try import VERB, bound, plans\n"
        "VERB.ask(plans(bound(), ['group:3']), open_devices=True)\n"
        "print('goes on')\n"
    )
    main_side, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdin=terminal, stderr=terminal,
        stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])},
    ) as process:  # fmt: skip
        os.write(main_side, f"{typed}\n".encode())
        out = process.communicate(timeout=60)[0]
    os.close(terminal)
    said = terminal_text(main_side)
    os.close(main_side)
    assert ("goes on" in out, process.returncode == 0) == (goes_on, goes_on)
    assert "the kernel resets what it opens" in said
    assert "Go on? [y/N]" in said
