"""One arena of malloc for all threads, as malloc_info(3) counts them."""

from __future__ import annotations

import subprocess
import sys

from vfioguard.serve.arenas import keep_one

_ARENAS = """
import ctypes, sys, threading
if sys.argv[1] == "one":
    from vfioguard.serve.arenas import keep_one
    keep_one()
barrier = threading.Barrier(4)
def allocate():
    barrier.wait()
    kept = [bytes(4096) for _ in range(100)]
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def count(how: str) -> int:
    command = [sys.executable, "-c", _ARENAS, how]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count(
        "<heap "
    )


def test_threads_share_one_arena_which_they_would_not() -> None:
    assert count("one") == 1
    assert count("as it is") > 1


def test_a_libc_without_arenas_is_left_alone() -> None:
    keep_one(object())
