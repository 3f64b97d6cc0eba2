"""Real daemons for the browser: python -m tests.page.browse WORK [SCREENSHOT].

Makes hosts below WORK, serves each, and runs browser.mjs over them. Its status is that of this.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.commands import SERVE

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
#: What a driver may be called: each is to be drawn as text, and nothing else.
HOSTILE = (
    b"<script>document.title='owned'</script>",
    b"<img src=x onerror=document.title='owned'>",
    "\u202evfio-pci\u2066".encode(),
    b"\x1b[31m\x1b]0;owned\x07",
    b"'\"--></details></table></svg>&amp;{{ 7 * 7 }}",
    b"x" * 4000,
)
#: Groups for which firmware keeps memory, and that memory.
_KEPT = range(300, 324)
_MEMORY = "0x000000007c000000 0x000000007fffffff direct"
_SECONDS = 60.0


def hosts(work: Path) -> Iterator[tuple[str, Path]]:
    """Each host with its name: its size, and what is unusual about it."""
    for name, groups in (("60", 60), ("4096", 4096), ("live", 60), ("hostile", 60)):
        _make(work / name, groups)
        yield name, work / name
    none = work / "0"
    (none / "sys/kernel/iommu_groups").mkdir(parents=True)
    (none / "proc/sys/kernel").mkdir(parents=True)
    (none / "proc/sys/kernel/osrelease").write_text("6.12.107+deb13-amd64\n")
    yield "0", none


def _make(path: Path, groups: int) -> None:
    code = (
        f"import hosts, pathlib; hosts.make(pathlib.Path({str(path)!r}), {groups}, {groups > 60})"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "bench", check=True, timeout=300)
    if path.name == "hostile":
        _rename_drivers(path)
    if path.name == "4096":
        _break(path)


def _break(path: Path) -> None:
    """Put the last bus behind a unit that cannot remap, and keep memory for a few devices."""
    sys_ = path / "sys"
    (bus,) = sorted({name.name[:8] for name in (sys_ / "bus/pci/devices").glob("*.1")})[-1:]
    units = sys_ / "devices/virtual/iommu"
    new = units / "dmar2"
    shutil.copytree(units / "dmar1", new, ignore=shutil.ignore_patterns("devices"), symlinks=True)
    (new / "devices").mkdir()
    (new / "intel-iommu/ecap").write_text("f020d7\n")  # without ECAP_IR
    (sys_ / "class/iommu/dmar2").symlink_to("../../devices/virtual/iommu/dmar2")
    for device in (sys_ / "bus/pci/devices").glob(f"{bus}*"):
        link = device.resolve() / "iommu"
        there = link.readlink()
        link.unlink()
        link.symlink_to(there.with_name("dmar2"))
        (units / "dmar1/devices" / device.name).rename(new / "devices" / device.name)
    for chip in (sys_ / "kernel/irq").glob("*/chip_name"):
        if bus in chip.read_text():
            chip.write_text(chip.read_text().removeprefix("IR-"))
    interrupts = path / "proc/interrupts"
    text = interrupts.read_text()
    interrupts.write_text(re.sub(rf"IR-(PCI-MSIX?-{bus})", r"\1", text))
    for group in _KEPT:
        regions = sys_ / f"kernel/iommu_groups/{group}/reserved_regions"
        regions.write_text(f"{_MEMORY}\n{regions.read_text()}")


def _rename_drivers(path: Path) -> None:
    """Give functions drivers with hostile names."""
    uevents = sorted((path / "sys/bus/pci/devices").glob("*/uevent"))
    for uevent, name in zip(uevents[1:], HOSTILE, strict=False):
        kept = [line for line in uevent.read_bytes().splitlines() if b"DRIVER=" not in line]
        uevent.write_bytes(b"\n".join([b"DRIVER=" + name, *kept]) + b"\n")


@contextmanager
def served(root: Path, log: Path) -> Iterator[dict[str, str | int]]:
    """A daemon of this host; says where it is once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*SERVE, "--root", str(root), "--poll-interval", "5" if root.name == "4096" else "1"]
    command += ["--web.listen-address", f"127.0.0.1:{port}"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as daemon:
        try:
            url = _ready(f"http://127.0.0.1:{port}", daemon)
            yield {"root": str(root), "url": url, "pid": daemon.pid}
        finally:
            daemon.terminate()


def _ready(address: str, daemon: subprocess.Popen[bytes]) -> str:
    began = time.monotonic()
    while daemon.poll() is None and time.monotonic() - began < _SECONDS:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=5):
                return address
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{address} is not ready")


def _file(root: Path, path: Path) -> Path:
    """The page of a host as one file."""
    command = [sys.executable, "-m", "vfioguard", "report", "--root", str(root), "--output", "html"]
    subprocess.run([*command, "--output-file", str(path)], check=False, timeout=60)
    return path


def main(work: str, screenshot: str = "") -> int:
    """Make, serve, browse. Returns the status of the browser."""
    base = Path(work)
    with ExitStack() as daemons:
        told = {
            name: daemons.enter_context(served(root, base / f"{name}.log"))
            for name, root in hosts(base)
        }
        told["file"] = {"url": f"file://{_file(base / 'hostile', base / 'report.html')}"}
        (base / "hosts.json").write_text(json.dumps(told))
        command = ["node", str(HERE / "browser.mjs"), str(base / "hosts.json"), screenshot]
        return subprocess.run(command, check=False, timeout=600).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
