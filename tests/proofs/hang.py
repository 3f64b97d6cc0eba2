"""Each kind of read hangs in turn, for real: python -m tests.proofs.hang (root only).

A file system keeps the read waiting (tests/support/hanging.py), so its reader is in D state and no
signal ends it. `check`, `report`, `explain`, `capture`, the libvirt hook and the daemon are asked
meanwhile. What systemd makes of it is in tests/systemd/hanging.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from tests.proofs.followed import bound
from tests.support.commands import SERVE, VFIOGUARD
from tests.support.hanging import Hanging, hanging
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, io_apic_scope
from tests.support.trees import write

HOOK = "contrib/libvirt/qemu"
#: What hangs is of the second group's device, or of no device. The others are asked.
DEVICE, OTHER = "0000:02:00.0", "0000:01:00.0"
PCI = f"/sys/bus/pci/devices/{DEVICE}"
#: Path -> whether the verdict on DEVICE rests on it.
KINDS = {
    f"{PCI}/uevent": False,
    f"{PCI}/msi_irqs": True,
    f"{PCI}/iommu_group": False,
    "/sys/kernel/irq/26/chip_name": True,
    "/sys/kernel/iommu_groups/1/type": False,
    "/sys/class/iommu": False,
    "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": False,
    "/sys/firmware/acpi/tables/DMAR": False,
    "/proc/interrupts": False,
    "/proc/cmdline": False,
    "/proc/kallsyms": False,
}
#: What the answer for DEVICE rests on: the uevent says whether it is a bridge.
ANSWER = {path for path, decides in KINDS.items() if decides} | {f"{PCI}/uevent"}
MOSTLY = ("check", "check of it", "report", "capture", "hook")
GUEST = (
    "<domain><name>g</name><devices><hostdev mode='subsystem' type='pci' managed='yes'><source>"
    "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"
    "</source></hostdev></devices></domain>"
)


class Ran(NamedTuple):
    status: int
    seconds: float
    said: str


def run(command: list[str], home: str, given: str = "") -> Ran:
    """`home` is where marks of what hangs are put."""
    began = time.monotonic()
    environment = {**os.environ, "STATE_DIRECTORY": home}
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=20,
        env=environment,
    )  # fmt: skip
    return Ran(done.returncode, time.monotonic() - began, done.stdout + done.stderr)


def real(root: str, path: str) -> str:
    """Where the file system sees it: behind the links of sysfs, but for the last."""
    home, _, name = path.rpartition("/")
    return f"{os.path.realpath(root + home)[len(root) :]}/{name}"


def commands(served: Hanging, root: str, work: str) -> None:
    settings = Path(work, "libvirt.toml")
    settings.write_text(f'command = {json.dumps(VFIOGUARD)}\nroot = "{root}"\n')
    os.environ["VFIOGUARD_LIBVIRT_SETTINGS"] = str(settings)
    verbs = {
        "check": ([*VFIOGUARD, "check", "--root", root, OTHER], ""),
        "check of it": ([*VFIOGUARD, "check", "--root", root, DEVICE], ""),
        "report": ([*VFIOGUARD, "report", "--root", root], ""),
        "explain": ([*VFIOGUARD, "explain", "--root", root, OTHER], ""),
        "policies": ([*VFIOGUARD, "policies", "--root", root], ""),
        "capture": ([*VFIOGUARD, "capture", "--root", root, f"{work}/host.tar"], ""),
        "hook": ([sys.executable, HOOK, "g", "prepare", "begin", "-"], GUEST),
    }
    for path, decides in KINDS.items():
        hung = real(f"{work}/source", path)
        with served.during(hung):
            # Each finds out by itself on its first path, later the first tells the others.
            alone = path == f"{PCI}/uevent"
            asked = verbs if alone else {name: verbs[name] for name in MOSTLY}
            for number, (name, (command, given)) in enumerate(asked.items()):
                done = run(command, f"{work}/{name if alone else 'together'}", given)
                rests = {"report": decides, "check of it": path in ANSWER}
                wanted = 3 if rests.get(name) else 0
                claim = f"{name} answers in under 2 s while {path} hangs: {done.seconds:.2f} s"
                if done.status != wanted:
                    print(done.status, done.said)
                bound(kept=done.status == wanted and done.seconds < 2, what=claim)
                left = served.waiting(hung)
                most = number + 1 if alone else 1
                bound(kept=left <= most, what=f"processes that it left in D: {left}")
            replayed = run(
                [*VFIOGUARD, "report", "--root", f"{work}/host.tar", "--output", "json"], work
            )
            bound(
                kept="does not answer" in replayed.said, what="the capture has it, and replays it"
            )
        done = run(verbs["check"][0], f"{work}/together")
        bound(kept=done.status == 0, what=f"released: {done.said.strip()}")


def _heed() -> None:
    """Who starts this in the background of a shell has SIGINT ignored, and so would the command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(served: Hanging, root: str, work: str) -> None:
    """Before the read is given up, and while its thread cannot end."""
    hung = real(f"{work}/source", f"{PCI}/uevent")
    for verb, after in (("check", 0.5), ("watch", 0.5), ("watch", 2.5)):
        home = f"{work}/interrupted-{verb}-{after}"
        command = [*VFIOGUARD, verb, "--root", root, *([DEVICE] if verb == "check" else [])]
        with served.during(hung):
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "STATE_DIRECTORY": home},
                preexec_fn=_heed,  # noqa: PLW1509 - no other thread holds a lock meanwhile
            )  # fmt: skip
            while not served.waiting(hung):
                time.sleep(0.01)
            time.sleep(after)
            os.killpg(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            claim = f"{verb} ends when interrupted {after} s into a hang: {process.returncode}"
            bound(kept=process.returncode in {0, 130}, what=claim)
        process.wait(5)


class Asker:
    """Asks all the time; what was answered, as (when, what, status), 0 for nobody."""

    def __init__(self, url: str) -> None:
        self.answers: list[tuple[float, str, int]] = []
        self.slowest = 0.0
        self._url = url
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._done.wait(0.02):
            for path in (f"/v1/check/{OTHER}", f"/v1/check/{DEVICE}", "/-/healthy", "/-/ready"):
                began = time.monotonic()
                status = get(self._url + path)[0]
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answers.append((began, path.rpartition("/")[2], status))

    def since(self, when: float, what: str) -> list[tuple[float, int]]:
        return [
            (at - when, status) for at, name, status in self.answers if name == what and at > when
        ]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


@contextlib.contextmanager
def daemon(root: str, home: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [*SERVE, "--root", root, "--uevents", "off", "--interval", "3600"]
    command += ["--poll-interval", "3600", "--web.listen-address", "127.0.0.1:0"]
    environment = {**os.environ, "STATE_DIRECTORY": home}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        url = ""
        for line in process.stderr:
            if found := re.search(r"listening on (\S+)", line):
                url = found[1]
            if "IOMMU groups" in line:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield process, url
        finally:
            process.terminate()


def followed(served: Hanging, root: str, work: str) -> None:
    with daemon(root, f"{work}/daemon") as (process, url), Asker(url) as asker:
        for path in KINDS:
            hung = real(f"{work}/source", path)
            with served.during(hung):
                began = time.monotonic()
                process.send_signal(signal.SIGHUP)
                time.sleep(3.5)
                late = [status for at, status in asker.since(began, OTHER) if at > 2.8]
                bound(
                    kept=set(late) == {200},
                    what=f"{path} hangs: the gate of another device is open",
                )
                shut = [at for at, status in asker.since(began, OTHER) if status != 200]
                text = f"{shut[0]:.2f} to {shut[-1]:.2f} s" if shut else "never"
                bound(
                    kept=all(0.7 < at < 2.8 for at in shut), what=f"it was shut meanwhile: {text}"
                )
                own = {status for at, status in asker.since(began, DEVICE) if at > 2.8}
                bound(
                    kept=own == {503 if path in ANSWER else 200},
                    what=f"that of the device itself: {own}",
                )
                metrics = get(f"{url}/metrics")[1]
                bound(
                    kept=f'vfioguard_read_hangs{{path="{path}"}} 1' in metrics,
                    what="a metric says it",
                )
                bound(kept=served.waiting(hung) == 1, what="one thread waits")
            began = time.monotonic()
            time.sleep(2)
            gone = "vfioguard_read_hangs{" not in get(f"{url}/metrics")[1]
            well = {status for at, status in asker.since(began, DEVICE) if at > 1.5}
            bound(kept=gone and well == {200}, what="all is right within 2 s of the release")
        healthy = {status for _, name, status in asker.answers if name == "healthy"}
        bound(
            kept=healthy == {200},
            what=f"{len(asker.answers)} answers, the slowest {asker.slowest:.2f} s",
        )


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as work:
        host = x86_host() | {
            "/sys/firmware/acpi/tables/DMAR": dmar(drhd(0xFED90000, io_apic_scope(2), flags=1))
        }
        source = write(f"{work}/source", host)
        root = f"{work}/host"
        os.mkdir(root)
        with hanging(source, root) as served:
            interrupted(served, root, work)
            commands(served, root, work)
            followed(served, root, work)


if __name__ == "__main__":
    main()
