"""Read and judge the host once: all that the daemon does besides serving."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from vfioguard.evaluate import evaluate
from vfioguard.root import Root
from vfioguard.root.opening import open_root
from vfioguard.serve.latest import Scan
from vfioguard.snapshot import take


def scanner(path: str, pinned: str | None) -> Callable[[], Scan]:
    """What reads the host at `path`, judged by `pinned` or by what is in force.

    Raises `CannotOpen`. A directory is opened for every reading, as what it remembers of links
    would be wrong in the next one; a capture is loaded once.
    """
    root = open_root(path)
    if os.path.isdir(path):
        return lambda: _scan(open_root(path), pinned)
    return lambda: _scan(root, pinned)


def _scan(root: Root, pinned: str | None) -> Scan:
    began = time.monotonic()
    taken_at = time.time()
    generated_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken_at))
    snapshot = take(root)
    report = evaluate(snapshot, generated_at, pinned)
    under = partial(evaluate, snapshot, generated_at)
    return Scan(report, under, taken_at, time.monotonic() - began)
