"""Beside the booted machine: a host below DIRECTORY/host whose reads hang when somebody says so.

usage: python -m tests.systemd.hangs DIRECTORY. Each connection to DIRECTORY/control/socket is one
line of words, and one of answer: hang PATH, release PATH, waiting PATH (how many wait), write PATH
TEXT. Paths are those that sysfs shows.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from tests.proofs.hang import real
from tests.support.hanging import Hanging, hanging
from tests.support.hosts import x86_host
from tests.support.trees import write


def main(directory: str) -> None:
    source = write(f"{directory}/source", x86_host(4, remapping=False, override=True))
    with (
        hanging(source, f"{directory}/host") as served,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        listening.bind(f"{directory}/control/socket")
        listening.listen()
        while True:
            with listening.accept()[0] as asked:
                words = asked.makefile().readline().split()
                asked.sendall(answer(served, source, *words).encode())


def answer(served: Hanging, source: str, verb: str, path: str, text: str = "") -> str:
    where = real(source, path)
    match verb:
        case "hang":
            served.hang(where)
        case "release":
            served.release(where)
        case "write":
            with open(source + where, "w", encoding="ascii") as file:
                file.write(f"{text}\n")
        case "waiting":
            return str(served.waiting(where))
        case _:
            raise ValueError(verb)
    return "done"


if __name__ == "__main__":
    os.umask(0o022)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    main(sys.argv[1])
