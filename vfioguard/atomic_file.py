"""Files that appear whole or not at all: a reader of the name sees the old bytes or the new ones.

The bytes go to a hidden file beside the name and to the disk. Then rename(2) replaces the name at
once. Collectors skip hidden files: node_exporter takes `*.prom`, NFD ignores `.*`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator

from vfioguard.typed import BinaryIO

#: The error for any name but a file's: replacing a device or a link would break more than a file.
_REPLACEABLE = "is there already and is no regular file"


@contextlib.contextmanager
def replacing(path: str, mode: int | None = None) -> Generator[BinaryIO]:
    """The file that becomes `path` when the block ends, or vanishes when the block raises.

    `mode`: the permissions, whatever the umask is; None gives those of any new file. Raises
    OSError, also if `path` is a directory, a link or a device; its `strerror` says what is wrong.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, _REPLACEABLE)
    directory, name = os.path.split(path)
    directory = directory or "."
    temporary = os.path.join(directory, f".{name[:200]}.{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                os.fchmod(handle, mode)
            os.fsync(handle)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_directory(directory)


def write(path: str, data: bytes, mode: int | None = None) -> None:
    """Replace the content of `path` by `data`, as `replacing` does. Raises OSError."""
    with replacing(path, mode) as file:
        file.write(data)


def _sync_directory(path: str) -> None:
    """Write the directory to the disk, or a power failure may lose the name (fsync(2), NOTES)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot do it; the name is there
            raise
    finally:
        os.close(handle)
