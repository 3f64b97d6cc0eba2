"""QEMU's monitor, over which the lab plugs devices into a guest that runs: QMP.

The socket is made here and handed to QEMU, so it has no name, and nobody else can connect.
"""

from __future__ import annotations

import json
import os
import re
import socket
from types import TracebackType
from typing import Any, Self

from lab.say import Failed

#: Seconds for one answer. A busy machine may let QEMU wait for some.
_PATIENCE = 60.0
#: The kernel may write in front of a row, and the console ends rows by CR LF.
_WISH = re.compile(r"LAB [\d.]+ ASK (device_(?:add|del) [^\r]+)")


class Monitor:
    """One end of a connection; QEMU gets the other.

    Pass `descriptor` to QEMU's process, `arguments` to its command line, and call `started` then.
    """

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.settimeout(patience)
        self._lines = self._ours.makefile("rb")
        self._greeted = False
        self.descriptor = self._theirs.fileno()
        self.arguments = [
            "-chardev", f"socket,id=qmp,fd={self.descriptor}", "-mon", "chardev=qmp,mode=control",
        ]  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._lines.close()
        self._ours.close()
        self._theirs.close()

    def started(self) -> None:
        """QEMU has its end by now. If ours were open too, nobody would see that QEMU has ended."""
        self._theirs.close()

    def ask(self, command: str) -> None:
        """Give a command as a person types it: `device_add e1000e,bus=rp1`, `device_del ID`.

        Raises Failed if QEMU refuses it, does not answer, or has ended.
        """
        if not self._greeted:
            self._answer("QMP")
            self._greeted = True
            self._execute("qmp_capabilities")
        said = self._execute("human-monitor-command", {"command-line": command})
        if said:
            raise Failed(f"QEMU refuses {command}: {str(said).strip().splitlines()[0]}")

    def _execute(self, name: str, arguments: dict[str, str] | None = None) -> object:
        asked = {"execute": name, "arguments": arguments or {}}
        try:
            self._ours.sendall(json.dumps(asked).encode() + b"\n")
        except OSError:
            raise Failed("QEMU has closed its monitor") from None
        answer = self._answer("return", "error")
        if "error" in answer:
            raise Failed(f"QEMU refuses {name}: {answer['error'].get('desc')}")
        return answer["return"]

    def _answer(self, *kinds: str) -> dict[str, Any]:
        """The next message of these kinds. Events come in between, and are of no use here."""
        while True:
            try:
                row = self._lines.readline()
            except TimeoutError:
                raise Failed("QEMU's monitor does not answer") from None
            except OSError:
                row = b""  # QEMU ended with words of ours unread
            if not row:
                raise Failed("QEMU has closed its monitor")
            message: dict[str, Any] = json.loads(row)
            if any(kind in message for kind in kinds):
                return message


class Wishes:
    """What a guest asks of QEMU: rows of its console, `LAB UPTIME ASK COMMAND`."""

    def __init__(self, console: str) -> None:
        self._console = console
        self._read = 0

    def new(self) -> list[str]:
        """The commands of the rows that have been written since the last call."""
        if not os.path.exists(self._console):
            return []
        with open(self._console, "rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        rows = (_WISH.match(row.decode(errors="replace")) for row in whole.splitlines())
        return [row[1].strip() for row in rows if row]
