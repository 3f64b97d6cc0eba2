"""Runs as root in a booted Debian: installs the package, uses it, breaks it, and purges it.

A line for each thing that was shown. What it needs is below /test, and so is what it leaves. The
unit is the shipped one; where a test needs it to differ, a drop-in says so.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from evidence import URL, full_evidence, sandbox, tables
from machine import (
    TEST,
    UNIT,
    after,
    curl,
    differing,
    failures,
    files,
    journal,
    must,
    prop,
    resident,
    run,
    shown,
    until,
)

OUT = TEST / "out"
HOST = TEST / "host"
SOCKET = "/run/vfioguard.sock"
SETTINGS = Path("/etc/vfioguard.toml")
PARAMETER = HOST / "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#: The accounts' files have a copy of what was before.
ACCOUNTS = {f"/etc/{name}-" for name in ("group", "gshadow", "passwd", "shadow")}


def install() -> None:
    result = run("dpkg", "-i", str(TEST / "vfioguard.deb"))
    shown("the package is installed", result.returncode == 0, result.stderr.strip()[-400:])
    active = until(lambda: prop("ActiveState") in {"active", "failed"}, 60)
    shown("installing starts it, and it says that it is ready", prop("ActiveState") == "active")
    names = ("InactiveExit", "ExecMainStart", "ActiveEnter")
    unit, process, ready = (int(prop(f"{name}TimestampMonotonic")) / 1e6 for name in names)
    if active is not None:
        # 3 s is the goal where nothing else runs.
        shown("start to ready", 0 < ready - process < 9, f"{ready - process:.1f} s")
        shown("the same with the self-test", 0 < ready - unit < 18, f"{ready - unit:.1f} s")
    said = journal()
    shown("the self-test is in the journal", "verdicts can be made" in said)
    _, metrics = curl(f"{URL}/metrics")
    shown("it follows uevents", "\nvfioguard_watcher_up 1" in metrics)
    kept = list(Path("/var/lib/private/vfioguard").iterdir())
    shown("it keeps the last state", kept, ", ".join(path.name for path in kept))
    print(said)


def serve() -> None:
    """A host with groups from here on, as this machine has none."""
    directory = f"/run/credentials/{UNIT}"
    SETTINGS.write_text(
        f'root = "{HOST}"\nacpi-tables = "{directory}"\ninterval = 3600\npoll-interval = 3600\n'
    )
    must("systemctl", "restart", UNIT)
    status, body = curl(f"{URL}/v1/report")
    shown("it answers over TCP", not status and len(json.loads(body)["groups"]) == 4)
    status, body = curl("--unix-socket", SOCKET, "http://localhost/-/ready")
    shown("it answers over the UNIX socket", status == 0, body.strip())
    group = run("getent", "group", "vfioguard").stdout.split(":")[2]
    found = os.stat(SOCKET)
    who = (found.st_mode & 0o777, found.st_uid, str(found.st_gid))
    shown("the socket is root's and the group's alone", who == (0o660, 0, group))
    for name, gid, wanted in (("a stranger", "65534", False), ("a member", group, True)):
        caller = ("setpriv", "--reuid=65534", f"--regid={gid}", "--clear-groups")
        result = run(*caller, "curl", "-sS", "--unix-socket", SOCKET, "http://localhost/-/ready")
        said = (result.stdout or result.stderr).strip()
        claim = f"{name} of the group is {'let in' if wanted else 'kept out'}"
        shown(claim, (result.returncode == 0) == wanted, said)
    memory = resident(prop("MainPID"))
    shown("the daemon's memory is below 64 MiB", memory < 64, f"{memory:.1f} MiB")


def reload() -> None:
    PARAMETER.write_text("Y\n")
    must("systemctl", "reload", UNIT)
    seen = until(lambda: "allowed-by-override" in curl(f"{URL}/v1/groups")[1], 20)
    shown("a reload reads the host, an hour before its time", seen is not None, after(seen))
    ended = until(lambda: prop("ActiveState") == "active", 10)
    shown("the reload ends", ended is not None)
    status = prop("StatusText")
    shown("systemctl status has the answer", status.startswith("4 allowed-by-override"), status)
    PARAMETER.write_text("N\n")
    must("systemctl", "reload", UNIT)


def restart() -> None:
    answers: list[tuple[float, int, str]] = []
    done = threading.Event()

    def ask(*where: str) -> None:
        while not done.is_set():
            began = time.monotonic()
            status, text = curl(*where)
            answers.append((time.monotonic() - began, status, text))

    unix = ("--unix-socket", SOCKET, "http://localhost/-/healthy")
    askers = [threading.Thread(target=ask, args=one) for one in ((f"{URL}/-/healthy",), unix)]
    for one in askers:
        one.start()
    before = prop("MainPID")
    must("systemctl", "restart", UNIT)
    time.sleep(0.5)
    done.set()
    for one in askers:
        one.join()
    shown("a restart replaces the process", prop("MainPID") != before)
    bad = [text for _, status, text in answers if status]
    longest = max(seconds for seconds, _, _ in answers)
    said = bad[:3] or f"{len(answers)} requests, the longest {longest:.1f} s"
    shown("who connects during a restart is answered", not bad and longest > 0.5, said)


def watchdog() -> None:
    text = "[Service]\n# Soon enough for a test.\nWatchdogSec=2\nTimeoutAbortSec=2\n"
    with differing(UNIT, text):
        must("systemctl", "restart", UNIT)
        pid = prop("MainPID")
        time.sleep(6)
        shown("a daemon that is well is left alone for three periods", prop("MainPID") == pid)
        os.kill(int(pid), signal.SIGSTOP)  # the loop does not turn any more
        back = until(lambda: prop("MainPID") not in {pid, "0"} and answers(), 30)
        shown(
            "a loop that is stuck is restarted", back is not None and timeouts() == 1, after(back)
        )
        settings = SETTINGS.read_text()
        SETTINGS.write_text(settings.replace("3600", "0.5"))
        must("systemctl", "restart", UNIT)
        pid = prop("MainPID")
        HOST.rename(TEST / "gone")
        closed = until(lambda: curl(f"{URL}/-/ready")[0] == 22, 10)
        alive = curl(f"{URL}/-/healthy")[0] == 0
        shown("a host that cannot be read closes the gate, and it answers", closed and alive)
        time.sleep(6)
        same = prop("MainPID") == pid and timeouts() == 1
        shown("it goes on saying so, and is not restarted", same)
        (TEST / "gone").rename(HOST)
        back = until(answers, 30)
        shown("it is back with the host", back is not None, after(back))
        SETTINGS.write_text(settings)
    must("systemctl", "restart", UNIT)


def answers() -> bool:
    return prop("ActiveState") == "active" and curl(f"{URL}/-/ready")[0] == 0


def timeouts() -> int:
    run("journalctl", "--sync")
    said = run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat").stdout
    return said.count("Watchdog timeout")


def textfile() -> None:
    unit = "vfioguard-report.service"
    directory = Path("/var/lib/prometheus/node-exporter")
    file = directory / "vfioguard.prom"
    result = run("systemctl", "start", unit)
    shown("without the collector's directory the unit fails", result.returncode != 0)
    directory.mkdir(parents=True)
    must("systemctl", "start", unit)
    shown("the file is there, and readable by all", file.stat().st_mode & 0o777 == 0o644)
    shutil.copyfile(file, OUT / "this-machine.prom")
    command = f"/usr/bin/vfioguard report --root {HOST} --output prometheus --output-file {file}"
    with differing(unit, f"[Service]\nExecStart=\nExecStart={command}\n"):
        must("systemctl", "start", unit)
        shutil.copyfile(file, OUT / "fixture-host.prom")
        success = (prop("Result", unit), prop("ExecMainStatus", unit)) == ("success", "2")
        shown("that groups are refused is a verdict, and no failure of the unit", success)
        os.chown(directory, 65534, 65534)
        result = run("systemctl", "start", unit)
        shown("a file that cannot be written is a failure of the unit", result.returncode != 0)
        os.chown(directory, 0, 0)
    run("systemctl", "reset-failed", unit)
    file.unlink()
    must("systemctl", "enable", "--now", "vfioguard-report.timer")
    wrote = until(lambda: file.exists() and prop("ActiveState", unit) == "inactive", 60)
    shown("the timer writes it", wrote is not None, after(wrote))
    must("systemctl", "disable", "--now", "vfioguard-report.timer")
    shutil.rmtree("/var/lib/prometheus")


def pip(before: set[str]) -> None:
    """The wheel in /opt/vfioguard, as pip lays it there, beside no package."""
    command = "/opt/vfioguard/bin/vfioguard"
    result = run(command, "install-units")
    shown("the wheel's units are installed", result.returncode == 0, result.stderr.strip()[-400:])
    following = result.stdout.splitlines()[-1].removeprefix("Next: ")
    result = run("sh", "-ec", following)
    shown("what it says to run next runs", result.returncode == 0, result.stderr.strip()[-400:])
    program = Path(f"/proc/{prop('MainPID')}/cmdline").read_bytes().split(b"\0")
    shown("the daemon is the wheel's", command.encode() in program, program)
    status, body = curl(f"{URL}/-/ready")
    shown("it answers over TCP", status == 0, body.strip())
    status, body = curl("--unix-socket", SOCKET, "http://localhost/-/ready")
    shown("it answers over the UNIX socket", status == 0, body.strip())
    must("systemctl", "disable", "--now", "vfioguard.socket", UNIT)
    must(command, "install-units", "--remove")
    must("systemctl", "daemon-reload")
    left = sorted(path for path in files() - before - ACCOUNTS if _is_a_file_of_ours(path))
    shown("no file of its units is left", not left, left)


def _is_a_file_of_ours(path: str) -> bool:
    """Not a directory, which others may use, nor the state, nor the wheel itself."""
    return not Path(path).is_dir() and not path.startswith(("/opt/", "/var/lib/"))


def purge(before: set[str]) -> None:
    must("useradd", "--system", "--no-create-home", "--gid", "nogroup", "vfioguard")
    result = run("dpkg", "--purge", "vfioguard")
    shown("the package is purged", result.returncode == 0, result.stderr.strip()[-400:])
    theirs = run("userdel", "vfioguard").returncode == 0
    shown("a user of this name, whom the package did not make, is still there", theirs)
    left = sorted(files() - before - ACCOUNTS)
    shown("no file is left", not left, left)
    left = sorted(name for name in os.listdir("/run") if name.startswith("vfioguard"))
    shown("nothing is left in /run", not left, left)
    units = run("systemctl", "list-units", "--all", "--no-legend", "--plain", "vfioguard*").stdout
    left = [line for line in units.splitlines() if not line.startswith("vfioguard-test.service")]
    shown("no unit is left", not left, left)
    who = run("getent", "group", "vfioguard").stdout + run("getent", "passwd", "vfioguard").stdout
    shown("no account is left", not who, who)


def main() -> int:
    must("mount", "-t", "debugfs", "none", "/sys/kernel/debug")
    before = files()
    stages = (install, serve, reload, restart, sandbox, watchdog, tables, full_evidence, textfile)
    for stage in stages:
        print(f"-- {stage.__name__}", flush=True)
        stage()
    print("-- purge", flush=True)
    purge(before)
    print("-- pip", flush=True)
    pip(before)
    print(f"{len(failures)} failures" + "".join(f"\n  {one}" for one in failures), flush=True)
    return min(len(failures), 100)


if __name__ == "__main__":
    status = main()
    (OUT / "status").write_text(f"{status}\n")
    sys.exit(status)
