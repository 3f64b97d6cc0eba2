"""The guest of a boot asks for devices, QEMU gets them, and whatever goes wrong is one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.boot import Limits, boot
from lab.qmp import Wishes
from lab.say import Failed

#: Speaks QMP as QEMU does over the descriptor that its command line names: qapi's greeting, its
#: answers, and an event in between.
QEMU = r"""
import json, os, re, socket, sys, time
monitor = socket.socket(fileno=int(re.search(r"fd=(\d+)", " ".join(sys.argv))[1]))
rows = monitor.makefile("r")
def say(**message):
    monitor.sendall(json.dumps(message).encode() + b"\n")
def hears(answer=""):
    asked = json.loads(next(rows))
    say(event="DEVICE_DELETED", data={})
    say(**{"return": answer or {}})
    return asked
def ask(command):
    with open("console", "a") as console:
        console.write(f"LAB 1.5 ASK {command}\r\n")
"""
PATIENT = Limits(silence=60, cpu=60)
GREETED = 'say(QMP={"version": {}}); hears()\n'
DONE = r"""
with open("phases", "w") as file:
    file.write(f"1.0 done {asked['arguments']['command-line']}")
os.system("tar c phases | gzip > stream")
"""


def run(folder: Path, script: str, limits: Limits = PATIENT) -> dict[str, bytes]:
    """A boot whose QEMU is a Python in that folder."""
    code = f"import os; os.chdir({str(folder)!r})\n{QEMU}{script}"
    return boot(
        [sys.executable, "-c", code], str(folder), limits, lambda took, phase: None, plugs=True
    )


def test_what_the_guest_asks_for_is_plugged_in(tmp_path: Path) -> None:
    script = 'ask("device_add e1000e,id=hot1,bus=rp1")\n' + GREETED + 'asked = hears("")\n' + DONE
    assert run(tmp_path, script) == {"phases": b"1.0 done device_add e1000e,id=hot1,bus=rp1"}


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (
            GREETED + "hears(\"Error: Bus 'rp9' not found\\r\\n\"); time.sleep(60)",
            "QEMU refuses device_add e1000e,bus=rp9: Error: Bus 'rp9' not found",
        ),
        (GREETED + "sys.exit(0)", "QEMU has closed its monitor"),
        (
            'say(QMP={}); next(rows); say(error={"class": "x", "desc": "no"}); time.sleep(60)',
            "QEMU refuses qmp_capabilities: no",
        ),
    ],
    ids=["refused", "closed", "an error"],
)
def test_what_qemu_does_not_do_ends_the_boot(tmp_path: Path, does: str, why: str) -> None:
    with pytest.raises(Failed) as failed:
        run(tmp_path, f'ask("device_add e1000e,bus=rp9")\n{does}')
    told = str(failed.value).splitlines()
    assert told[0] == why
    assert told[-1] == "    | LAB 1.5 ASK device_add e1000e,bus=rp9"


def test_a_guest_that_hangs_with_a_monitor_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="it has said nothing for 1 s"):
        run(tmp_path, "open('pid', 'w').write(str(os.getpid())); time.sleep(600)", Limits(1, 60))
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_only_devices_can_be_asked_for_and_each_wish_counts_once(tmp_path: Path) -> None:
    console = tmp_path / "console"
    wishes = Wishes(str(console))
    assert wishes.new() == []
    console.write_text("LAB 1 ASK quit\nLAB 2.0 ASK device_del a\nASK device_del b\nLAB 3 ASK devi")
    assert wishes.new() == ["device_del a"]
    with console.open("a") as file:
        file.write("ce_add c,id=c\r\n")
    assert wishes.new() == ["device_add c,id=c"]
    assert wishes.new() == []
