"""Real uevents of this machine: root may have the kernel say "change" of any device."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

DEVICES = "/sys/bus/pci/devices"


def device() -> str:
    """A PCI device of this machine."""
    names = sorted(os.listdir(DEVICES))
    assert names, f"{DEVICES} is empty: these tests need one PCI device, of a VM at the least"
    return names[0]


def change(times: int = 1, name: str | None = None) -> None:
    """So many events of one device, as fast as the kernel makes them."""
    assert os.geteuid() == 0, "only root can make a uevent: run the tests as root"
    path = f"{DEVICES}/{name or device()}/uevent"
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for _ in range(times):
            os.write(fd, b"change")
    finally:
        os.close(fd)


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for the loop to bring it about; TimeoutError where it does not."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - it is about what no event tells
            await asyncio.sleep(0.002)


def run(what: Callable[[], Awaitable[None]]) -> None:
    """Run it in a loop of its own, within a minute."""
    asyncio.run(asyncio.wait_for(what(), 60))
