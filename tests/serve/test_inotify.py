"""Module parameters that are written, in sysfs itself and in plain files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve.uevents import run, until
from vfioguard.serve.senses.inotify import Inotify

#: Of every kernel, writable, and the same again is no change.
PARAMETER = Path("/sys/module/printk/parameters/time")


@pytest.mark.needs_root
def test_a_parameter_that_is_written_in_sysfs_is_heard() -> None:
    def write() -> None:
        PARAMETER.write_text(PARAMETER.read_text())

    async def what() -> None:
        heard: list[bool] = []
        inotify = Inotify([str(PARAMETER)], lambda: heard.append(True))
        inotify.start()
        write()
        await until(lambda: bool(heard))
        inotify.close()

    run(what)


def test_a_file_is_heard_each_time(tmp_path: Path) -> None:
    async def what() -> None:
        heard: list[bool] = []
        file = tmp_path / "noiommu"
        file.write_text("N\n")
        inotify = Inotify([str(file)], lambda: heard.append(True))
        inotify.start()
        for text in ("Y\n", "N\n"):
            heard.clear()
            file.write_text(text)
            await until(lambda: bool(heard))
        inotify.close()

    run(what)


def test_a_file_that_comes_again_is_heard_once_it_is_armed(tmp_path: Path) -> None:
    async def what() -> None:
        heard: list[bool] = []
        file = tmp_path / "allow_unsafe_interrupts"
        inotify = Inotify([str(file)], lambda: heard.append(True))
        inotify.start()  # the module is not there yet
        for _ in range(2):
            file.write_text("N\n")
            inotify.arm()
            heard.clear()
            file.write_text("Y\n")
            await until(lambda: bool(heard))
            heard.clear()
            file.unlink()
            await until(lambda: bool(heard))
        inotify.close()

    run(what)
