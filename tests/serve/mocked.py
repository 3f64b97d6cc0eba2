"""A host of umockdev's that the real daemon follows: umockdev-wrapper python -m tests.serve.mocked.

/sys of this process and of the daemon is umockdev's, and so are the uevents. It prints one JSON
object a step: what happened to the device, and what the daemon then said of it over HTTP.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.commands import SERVE

_NAME = "0000:02:00.0"
_SECONDS = 20.0


class Testbed:
    """umockdev's /sys, whose files are plain files below `root`."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libumockdev.so.0")
        self._library.umockdev_testbed_new.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._library.umockdev_testbed_new())
        self._library.umockdev_testbed_get_root_dir.restype = ctypes.c_char_p
        found = self._library.umockdev_testbed_get_root_dir(self._bed)
        self.root = Path(os.fsdecode(found))
        (self.root / "sys/kernel/iommu_groups").mkdir(parents=True)

    def add(self, name: str, group: int, driver: str | None) -> None:
        """A PCI function in a group of its own."""
        home = f"/devices/pci0000:00/{name}"
        text = f"P: {home}\nE: SUBSYSTEM=pci\nE: PCI_CLASS=20000\n\n"
        self._library.umockdev_testbed_add_from_string(self._bed, text.encode(), None)
        self.drive(name, driver)
        place = self.root / f"sys/kernel/iommu_groups/{group}"
        (place / "devices").mkdir(parents=True)
        (place / "type").write_text("DMA-FQ\n")
        (place / "devices" / name).symlink_to(f"../../../..{home}")
        (self.root / f"sys{home}/iommu_group").symlink_to(f"../../../kernel/iommu_groups/{group}")

    def drive(self, name: str, driver: str | None) -> None:
        """With this driver, or none."""
        text = f"DRIVER={driver}\n" if driver else ""
        (self._home(name) / "uevent").write_text(f"{text}PCI_CLASS=20000\n")

    def remove(self, name: str, group: int) -> None:
        """Without it, in the order of drivers/base/core.c device_del()."""
        (self.root / "sys/bus/pci/devices" / name).unlink()
        shutil.rmtree(self.root / f"sys/kernel/iommu_groups/{group}")
        self.tell(name, "remove")
        shutil.rmtree(self._home(name))

    def tell(self, name: str, action: str) -> None:
        """The uevent."""
        path = f"/sys/devices/pci0000:00/{name}"
        self._library.umockdev_testbed_uevent(self._bed, path.encode(), action.encode())

    def _home(self, name: str) -> Path:
        return self.root / "sys/devices/pci0000:00" / name


def ask(socket: str, path: str) -> Any:
    """The daemon's JSON; None for an error."""
    command = [
        "curl",
        "-sf",
        "--max-time",
        "10",
        "--unix-socket",
        socket,
        f"http://localhost{path}",
    ]
    result = subprocess.run(command, capture_output=True, check=False)
    return json.loads(result.stdout) if result.returncode == 0 else None


def wait(true: Callable[[], bool]) -> float:
    """Seconds until it was; SystemExit where it never is."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > _SECONDS:
            raise SystemExit("the daemon did not follow")
        time.sleep(0.005)
    return time.monotonic() - began


def steps(bed: Testbed, socket: str) -> Iterator[tuple[str, float]]:
    """What happens, and how long it took until the daemon said so."""

    def driver() -> str | None:
        found = ask(socket, f"/v1/devices/{_NAME}")
        return found["device"]["driver"] if found else "(no such device)"

    bed.add(_NAME, 1, None)
    bed.tell(_NAME, "add")
    yield "add", wait(lambda: driver() is None)
    bed.drive(_NAME, "vfio-pci")
    bed.tell(_NAME, "bind")
    yield "bind", wait(lambda: driver() == "vfio-pci")
    bed.drive(_NAME, None)
    bed.tell(_NAME, "unbind")
    yield "unbind", wait(lambda: driver() is None)
    bed.remove(_NAME, 1)
    yield "remove", wait(lambda: driver() == "(no such device)")


def main() -> None:
    """Follow, and print."""
    bed = Testbed()
    bed.add("0000:01:00.0", 0, "e1000e")
    socket = f"{bed.root}/socket"
    command = [*SERVE, "--interval", "3600"]
    command += ["--poll-interval", "3600", "--web.listen-address", f"unix:{socket}"]
    with subprocess.Popen(command) as daemon:
        try:
            wait(lambda: ask(socket, "/v1/groups") is not None)
            for step, seconds in steps(bed, socket):
                groups = [group["id"] for group in ask(socket, "/v1/groups")["groups"]]
                print(json.dumps({"step": step, "seconds": seconds, "groups": groups}), flush=True)
        finally:
            daemon.terminate()


if __name__ == "__main__":
    main()
