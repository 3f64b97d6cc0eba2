"""The running kernel."""

from __future__ import annotations

import fcntl
import os

#: Machines on which _IOC_NONE is 1 << 29 and not 0: arch/*/include/uapi/asm/ioctl.h (6.12.118).
_WITH_DIRECTION = ("alpha", "mips", "ppc", "sparc")
_NONE = 1 << 29


def request(number: int, machine: str) -> int:
    """The request of `_IO(type, number)` on a machine, as uname(2) calls it."""
    return number | (_NONE if machine.startswith(_WITH_DIRECTION) else 0)


class Live:
    """The kernel that this process runs on."""

    def __init__(self) -> None:
        self._machine = os.uname().machine

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, file: int, number: int, argument: bytearray | int) -> int:
        return fcntl.ioctl(file, request(number, self._machine), argument)

    def close(self, file: int) -> None:
        os.close(file)
