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
from vfioguard.attach import Attach, How
from vfioguard.cli.host import holding
from vfioguard.cli.standing_by import Work
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN, Checked
from vfioguard.root.memory import Memory
from vfioguard.target import Targets

REPOSITORY = Path(__file__).parents[2]
A, B = "0000:01:00.0", "0000:02:00.0"
HOST = x86_host({3: [Function(A, None, "vfio-pci")], 4: [Function(B, None, "vfio-pci")]})
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
def test_without_the_right_to_see_them_nothing_is_said() -> None:
    code = (
        "from pathlib import Path\n"
        "from tests.cli.test_holding import A, answer\n"
        "checked = answer(A, Path('/dev/vfio'))\n"
        "print(checked.answer, checked.groups[0].holders)"
    )
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])},
    )
    assert (result.stdout, result.stderr) == ("yes None\n", "")
