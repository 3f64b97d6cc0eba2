"""Read and judge the host once: all that the daemon does besides serving."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from functools import partial

from vfioguard.evaluate import evaluate
from vfioguard.inference import firmware, firmware_memory, remapping_possible
from vfioguard.output._firmware_json import firmware_json
from vfioguard.output.json import dumps
from vfioguard.root import Root
from vfioguard.root.opening import open_root
from vfioguard.serve.body import Body, Tagged
from vfioguard.serve.latest import Scan
from vfioguard.snapshot import Snapshot, take


def scanner(path: str, pinned: str | None, handed: str = "") -> Callable[[], Scan]:
    """What reads the host at `path`, judged by `pinned` or by what is in force.

    `handed` is a directory of ACPI tables (`open_root`).

    Raises `CannotOpen`. A directory is opened for every reading, as what it remembers of links
    would be wrong in the next one; a capture is loaded once.
    """
    root = open_root(path, handed)
    tables = _Firmware()
    if os.path.isdir(path):
        return lambda: _scan(open_root(path, handed), pinned, tables)
    return lambda: _scan(root, pinned, tables)


class _Firmware:
    """The decoded tables as JSON, made once for the same tables: once in a boot."""

    def __init__(self) -> None:
        self._of: object = None
        self._kept: Tagged | None = None

    def render(self, snapshot: Snapshot) -> Tagged:
        evidence = remapping_possible.evidence(snapshot)
        memory = firmware_memory.of_host(snapshot)
        of = snapshot.acpi, snapshot.kernel.arch, evidence, memory
        if self._kept is None or of != self._of:
            text = dumps(firmware_json(firmware.of_host(snapshot))).encode() + b"\n"
            self._kept = Tagged(hashlib.sha256(text).hexdigest()[:16], Body(text))
            self._of = of
        return self._kept


def _scan(root: Root, pinned: str | None, tables: _Firmware) -> Scan:
    began = time.monotonic()
    taken_at = time.time()
    generated_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken_at))
    snapshot = take(root)
    report = evaluate(snapshot, generated_at, pinned)
    under = partial(evaluate, snapshot, generated_at)
    rendered = tables.render(snapshot)
    return Scan(report, under, taken_at, time.monotonic() - began, rendered)
