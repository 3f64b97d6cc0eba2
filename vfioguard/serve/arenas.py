"""How many arenas glibc's malloc keeps (mallopt(3))."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # malloc.h


def keep_one(libc: object = None) -> None:
    """Have all threads allocate from one arena; a `libc` that has no arenas is left alone.

    Otherwise glibc gives each thread an arena of its own, up to eight for each processor, and keeps
    what the thread has freed there. Python's lock lets one thread run at a time, so that none waits
    for the other's arena. With 16,384 groups that is a quarter of the memory.
    """
    mallopt = getattr(libc or ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
