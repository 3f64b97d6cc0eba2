"""The one room that acts on devices: it makes the calls of an attach, for `vfioguard try` alone.

`root/` only reads. What is here opens nodes of /dev, and so it stands above the daemon: no room but
`cli/` may import it. Nothing is mapped, and all that was opened is closed again.
"""

from __future__ import annotations

from vfioguard.typed import Protocol


class Kernel(Protocol):
    """The system calls of an attach. Each raises OSError.

    `ioctl` takes the number without the bits of the architecture, and a structure or a number. It
    returns what the kernel returns, and the kernel may write into the structure.
    """

    def open(self, path: str) -> int: ...
    def ioctl(self, file: int, number: int, argument: bytearray | int) -> int: ...
    def close(self, file: int) -> None: ...
