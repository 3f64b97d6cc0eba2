"""A boot that does not end well ends in one line and the console's tail, and leaves no process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import boot as lab_boot
from lab.boot import Limits
from lab.say import Failed

REPOSITORY = Path(__file__).parent.parent.parent


PATIENT = Limits(silence=60, cpu=60)


def run(folder: Path, script: str, limits: Limits = PATIENT) -> dict[str, bytes]:
    """A boot whose QEMU is a shell in that folder."""
    return lab_boot.boot(
        ["sh", "-c", f"cd {folder}; {script}"], str(folder), limits, lambda took, phase: None
    )


def assert_ends(process: Path) -> None:
    """Wait until the process is gone, or is left to whoever reaps it, for a minute at most."""
    for _ in range(1200):
        try:
            if ") Z " in (process / "stat").read_text():
                return
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError("it still runs")


HAND_OUT = "echo '1.0 done' > phases; tar c phases | gzip"


def test_what_the_guest_hands_out_is_read(tmp_path: Path) -> None:
    assert run(tmp_path, f"{HAND_OUT} > stream") == {"phases": b"1.0 done\n"}


def test_later_members_win_and_a_cut_one_is_left(tmp_path: Path) -> None:
    script = (
        f"echo 1 > phases; tar c phases | gzip > stream; {HAND_OUT} >> stream; "
        "echo 3 > phases; tar c phases | gzip | head -c 40 >> stream"
    )
    assert run(tmp_path, script) == {"phases": b"1.0 done\n"}


@pytest.mark.parametrize(
    ("does", "limits", "why"),
    [
        ("exec sleep 600", Limits(silence=1, cpu=60), "it has said nothing for 1 s"),
        ("while :; do :; done", Limits(silence=60, cpu=1), "it has used 1 s of CPU"),
    ],
    ids=["idle", "busy"],
)
def test_a_guest_that_hangs_is_ended_and_its_tail_told(
    tmp_path: Path, does: str, limits: Limits, why: str
) -> None:
    with pytest.raises(Failed) as failed:
        run(tmp_path, f"echo $$ > pid; seq 100 > console; {does}", limits)
    told = str(failed.value).splitlines()
    assert told[0] == f"the guest hangs: {why}"
    assert told[-1] == "    | 100"
    assert len(told) == 26
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_a_panic_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"^the kernel panics: not syncing: no init\n    \| "):
        run(tmp_path, "echo '[1.0] Kernel panic - not syncing: no init' > console")


def test_a_qemu_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"^QEMU does not start: no such device$"):
        run(tmp_path, "echo no such device; exit 1")


def test_a_guest_that_ends_early_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="ended before it had handed out everything"):
        run(tmp_path, "echo hello > console; echo init > phases; tar c phases | gzip > stream")


def test_a_guest_that_says_too_much_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_boot, "_TOO_MUCH", 1 << 20)
    with pytest.raises(Failed, match="says more than 1 MiB"):
        run(tmp_path, "yes | head -c 2M > console; sleep 600")


def test_what_qemu_has_started_ends_with_it(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="the guest hangs"):
        run(tmp_path, "sleep 600 & echo $! > pid; wait", Limits(silence=1, cpu=60))
    assert_ends(Path("/proc", (tmp_path / "pid").read_text().strip()))


def test_a_full_disk_ends_the_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_boot, "_SPARE", 1 << 60)
    with pytest.raises(Failed, match=re.escape(f"the disk of {tmp_path} is full")):
        run(tmp_path, "exec sleep 600")


def test_control_characters_of_a_console_are_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        run(tmp_path, r"printf 'a\033[2Jb\n' > console")
    assert "\033" not in str(failed.value)


@pytest.mark.parametrize("plugs", [False, True], ids=["without a monitor", "with one"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_qemu_outlives_the_lab(tmp_path: Path, number: signal.Signals, *, plugs: bool) -> None:
    code = (
        "import signal, sys\n"
        "from lab.boot import Limits, boot\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
        f"boot(['sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 600'], {str(tmp_path)!r},"
        f" Limits(600, 600), lambda took, phase: None, plugs={plugs})\n"
    )
    pid = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stderr=-3) as lab:
        while not (pid.exists() and pid.read_text().strip()):
            time.sleep(0.05)
        os.kill(lab.pid, number)
        lab.wait(20)
    qemu = Path("/proc", pid.read_text().strip())
    assert_ends(qemu)


def test_a_tar_that_is_cut_in_the_guest_gives_what_it_has_whole(tmp_path: Path) -> None:
    script = f"{HAND_OUT} > stream; seq 1000 > long; tar c long | head -c 1024 | gzip >> stream"
    assert run(tmp_path, script) == {"phases": b"1.0 done\n"}
