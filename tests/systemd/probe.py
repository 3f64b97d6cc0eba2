"""Runs in the sandbox of vfioguard.service, beside the daemon, and prints what it may do as JSON.

Each value is "yes", or the errno's name that the kernel answered with.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
from collections.abc import Callable

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "yes"


def reads(path: str) -> str:
    return attempt(lambda: open(path, "rb").close())


def table(path: str) -> str:
    """`table`, `absent`, or why it cannot be told."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "absent" if content == b"absent" else "table"


def writes(path: str) -> str:
    return attempt(lambda: os.close(os.open(path, os.O_WRONLY)))


def creates(path: str) -> str:
    def create() -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755))
        os.unlink(path)

    return attempt(create)


def executes_what_it_wrote(directory: str) -> str:
    path = f"{directory}/program"
    with open(path, "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod(path, 0o755)
    try:
        return attempt(lambda: os.posix_spawn(path, [path], os.environ))
    finally:
        os.unlink(path)


def maps_writable_code() -> str:
    protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    found = libc.mmap(None, 4096, protection, flags, -1, 0)
    return errno.errorcode[ctypes.get_errno()] if found == ctypes.c_void_p(-1).value else "yes"


def hears_uevents() -> str:
    """The driver makes one every 0.1 s, outside."""

    def hear() -> None:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as one:
            one.bind((0, 1))
            one.settimeout(5)
            one.recv(8192)

    return attempt(hear)


def status() -> dict[str, str]:
    with open("/proc/self/status") as file:
        lines = dict(line.rstrip().split(":", 1) for line in file)
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {name: lines[name].strip() for name in names}


def main() -> None:
    credentials = os.environ["CREDENTIALS_DIRECTORY"]
    found: dict[str, object] = {
        "uid": os.getuid(),
        "status": status(),
        "tables": {name: table(f"{credentials}/{name}") for name in os.listdir(credentials)},
        "interfaces": [name for _, name in socket.if_nameindex()],
        "reads /etc/shadow": reads("/etc/shadow"),
        "reads /dev/kmsg": reads("/dev/kmsg"),
        "lists /dev/vfio": attempt(lambda: os.listdir("/dev/vfio")),
        "reads the table that was handed over": reads("/test/tables/present/DMAR"),
        "lists /sys/kernel/debug": attempt(lambda: os.listdir("/sys/kernel/debug")),
        "lists /root": attempt(lambda: os.listdir("/root")),
        "sees PID 1": attempt(lambda: os.listdir("/proc/1")),
        "writes sysfs": writes("/sys/kernel/uevent_seqnum"),
        "writes /proc/sys": writes("/proc/sys/kernel/printk"),
        "creates in /usr": creates("/usr/x"),
        "creates in /etc": creates("/etc/x"),
        "creates in the state directory": creates(os.environ["STATE_DIRECTORY"] + "/x"),
        **{
            f"executes what it wrote to {directory}": executes_what_it_wrote(directory)
            for directory in (os.environ["STATE_DIRECTORY"], "/tmp", "/var/tmp", "/dev/shm")
        },
        "maps writable code": maps_writable_code(),
        "opens an Internet socket": attempt(lambda: socket.socket(socket.AF_INET).close()),
        "opens a packet socket": attempt(lambda: socket.socket(socket.AF_PACKET).close()),
        "becomes root": attempt(lambda: os.setuid(0)),
        "makes a namespace": attempt(_unshare),
        "hears uevents": hears_uevents(),
    }
    print("probe " + json.dumps(found), flush=True)


def _unshare() -> None:
    if libc.unshare(0x10000000):  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "")


if __name__ == "__main__":
    main()
