"""The command says who holds a group, as the daemon does, where /proc shows it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Ask, Attach, How
from vfioguard.checked import reason
from vfioguard.cli.host import holding
from vfioguard.cli.standing_by import Work
from vfioguard.fact import Gap, Why
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.judging.holding import held_by
from vfioguard.output.explain.screen import screen
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN, Checked
from vfioguard.root.memory import Memory
from vfioguard.target import Targets

REPOSITORY = Path(__file__).parents[2]
A, B = "0000:01:00.0", "0000:02:00.0"
HOST = x86_host({3: [Function(A, None, "vfio-pci")], 4: [Function(B, None, "vfio-pci")]})
HIDDEN = "who holds /dev/vfio is not known: the descriptors of other processes are not shown"
YES = f"it can be attached as it is; the kernel refuses it if somebody holds it, and {HIDDEN}"
JUDGED = judge(take(Memory(HOST)), "now")


def options(root: str = "/") -> argparse.Namespace:
    return argparse.Namespace(root=root, acpi_tables=None, work=Work())


def answer(target: str, dev: Path, root: str = "/", *, now: bool = True) -> Checked:
    targets = Targets(JUDGED.report)
    asks = [targets.ask(target)]
    groups = holding(options(root), targets.groups(asks), str(dev))
    (checked,) = check(JUDGED, groups, asks, NOTHING_CHOSEN, How(now=now))
    return checked


@pytest.mark.needs_root
@pytest.mark.parametrize("now", [False, True])
def test_a_group_that_a_process_has_open_is_busy(tmp_path: Path, *, now: bool) -> None:
    assert os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"
    (tmp_path / "3").touch()
    hold = "import sys; file = open(sys.argv[1]); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, tmp_path / "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        busy, free = answer(A, tmp_path, now=now), answer(B, tmp_path, now=now)
        elsewhere = answer(A, tmp_path, root=str(tmp_path), now=now)
        process.kill()
    assert (busy.answer, busy.errno, busy.call) == (Attach.NO, "EBUSY", "open")
    assert f"process {process.pid} (" in busy.blockers[0].because.said
    assert (free.answer, free.groups[0].holders or ()) == (Attach.YES, ())
    assert elsewhere.groups[0].holders is None, "/proc is that of this host"


@pytest.mark.needs_root
def test_without_the_right_to_see_them_the_answer_names_the_gap() -> None:
    code = (
        "from pathlib import Path\n"
        "from tests.cli.test_holding import A, JUDGED, answer\n"
        "from vfioguard.checked import reason\n"
        "checked = answer(A, Path('/dev/vfio'))\n"
        "print(checked.answer, checked.groups[0].holders)\n"
        "print(reason(JUDGED.report, checked))"
    )
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])},
    )
    assert (result.stdout, result.stderr) == (
        f"yes None\n{YES}\n",
        "",
    )


@pytest.mark.parametrize(
    ("drivers", "answered", "names_it"),
    [
        (["vfio-pci"], Attach.YES, True),
        ([None], Attach.YES, False),  # nobody can hold it
        (["vfio-pci", "e1000e"], Attach.NO, False),  # it is refused anyway
    ],
)
def test_the_gap_is_named_where_an_unseen_holder_would_matter(
    drivers: list[str | None], answered: Attach, *, names_it: bool
) -> None:
    functions = [Function(f"0000:01:00.{n}", None, driver) for n, driver in enumerate(drivers)]
    snapshot = take(Memory(x86_host({3: functions})))
    judged = judge(snapshot, "now")
    targets = Targets(judged.report)
    ask = targets.ask("0000:01:00.0")
    assert isinstance(ask, Ask)
    gap = Gap(Why.DENIED, "/proc/*/fd", HIDDEN)
    groups = [held_by(each, gap) if each.on_vfio else each for each in targets.groups([ask])]
    (checked,) = check(judged, groups, [ask], NOTHING_CHOSEN, How())
    assert checked.answer is answered
    assert (HIDDEN in reason(judged.report, checked)) is names_it
    told = " ".join(" ".join(screen(snapshot, judged.report, groups[0])).split())
    assert (HIDDEN in told) is groups[0].on_vfio


@pytest.mark.needs_root
def test_the_command_itself_is_no_holder(tmp_path: Path) -> None:
    node = tmp_path / "3"
    node.touch()
    code = (
        "from pathlib import Path\n"
        "from tests.cli.test_holding import A, answer\n"
        f"file = open({str(node)!r})\n"
        f"print(answer(A, Path({str(tmp_path)!r})).groups[0].holders or ())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert result.stdout == "()\n"
