"""Reads and judges the host for the daemon: all of it, or what may have changed."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from vfioguard import wording
from vfioguard.inference.firmware.of_host import of_host
from vfioguard.inference.memory import reserved
from vfioguard.inference.remapping import allowed
from vfioguard.judging.again import disagreements, judge_again
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.judging.under import under
from vfioguard.kernel import devices
from vfioguard.kernel.members import Members
from vfioguard.output.firmware.json import firmware_json
from vfioguard.output.json import dumps
from vfioguard.reading import refresh
from vfioguard.reading.again import take_again
from vfioguard.reading.take import take
from vfioguard.root import Root
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import Patience
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.senses.hint import EVERYTHING, Hint
from vfioguard.snapshot import Snapshot

_log = logging.getLogger("vfioguard")

#: A poll looks at a part of the groups, so that all are looked at in so many polls, and at least
#: at so many.
_POLLS, _LEAST = 60, 128
#: The list of functions takes no more than a thousandth of the time: 12 ms of 16,384 names.
_SHARE = 1000
#: Seconds between two lists at most, however long one took: it may have hung.
_RARELY = 60.0
#: Changed functions beyond this are cheaper to read with the listings of the host.
_MANY = 32
KINDS: tuple[str, ...] = ("full", "listings", "devices")


class Reader:
    """Follows one host; called by one thread at a time.

    `readings` counts by kind: "full", "listings", "devices"; `mismatches` the groups that were
    followed to another state than a full reading found, which is a bug.
    """

    def __init__(
        self,
        path: str,
        pinned: str | None,
        handed: str = "",
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        """`handed` is a directory of ACPI tables (`open_root`). Raises `CannotOpen`."""
        self.patience = patience or Patience()
        self._door = self.patience.door
        self._clock = clock
        self._path = path
        self._handed = handed
        self._pinned = pinned
        self._capture = None if os.path.isdir(path) else open_root(path, handed)
        self._root = self._open()
        self._judged: Judged | None = None
        self._next = 0
        #: The list of PCI functions that a poll found to be those of the snapshot.
        self._listed: int | None = None
        self._list_at = -math.inf
        self._firmware = _Firmware()
        #: Whether this is the running host itself.
        self.running = os.path.realpath(path) == "/"
        self.readings = Counter(dict.fromkeys(KINDS, 0))
        self.mismatches = 0

    def _open(self) -> Root:
        if isinstance(self._capture, Memory):
            self._capture.begin()
        return self._capture or open_root(self._path, self._handed, self._door)

    def read(self, news: Hint = EVERYTHING) -> Scan:
        """The host as it is now, by reading what the news are about."""
        began = self._clock()
        taken_at = time.time()
        generated_at = wording.moment(taken_at)
        door, was = self.patience.door, self._door
        self._door = door
        # Of links a directory remembers what may be wrong.
        if news.everything or not self.running or door is not was:
            self._root = self._open()
        root = self._root
        before = self._judged
        if before is None:
            kind, snapshot = "full", take(root)
        elif news.everything:
            kind, snapshot = "full", take_again(root, before.snapshot)
        else:
            kind, snapshot = self._follow(root, before.snapshot, news)
        door.leave()
        self.readings[kind] += 1
        if kind != "devices":
            self._listed = None
        if before is None:
            judged = judge(snapshot, generated_at, self._pinned)
        elif snapshot is before.snapshot:
            judged = before._replace(report=before.report._replace(generated_at=generated_at))
        else:
            judged = judge_again(before, snapshot, generated_at)
        if before is not None and news.reconcile:
            wrong = disagreements(judged)
            self.mismatches += wrong + _astray(root, before.snapshot, snapshot)
            if wrong:
                _log.error("%d groups had another verdict than they should have: a bug", wrong)
                judged = judge(snapshot, generated_at, self._pinned)
        self._judged = judged
        firmware = partial(self._firmware.render, snapshot)
        return Scan(
            report=judged.report,
            under=partial(under, judged),
            state=snapshot,
            taken_at=taken_at,
            seconds=self._clock() - began,
            firmware=firmware,
        )

    def _follow(self, root: Root, snapshot: Snapshot, news: Hint) -> tuple[str, Snapshot]:
        """The least that is enough."""
        changed, listings = news.devices, news.listings
        if news.parameters or news.poll:
            snapshot = refresh.overrides(root, snapshot)
        if news.poll:
            changed |= set(refresh.unannounced(root, self._patrol(snapshot)))
            listings = listings or not self._same_functions(root, snapshot)
        if listings or len(changed) > _MANY:
            return "listings", take_again(root, snapshot, changed)
        for name in sorted(changed):
            again = refresh.function(root, snapshot, name)
            if again is None:
                return "listings", take_again(root, snapshot, changed)
            snapshot = again
        return "devices", snapshot

    def _same_functions(self, root: Root, snapshot: Snapshot) -> bool:
        """For what no uevent tells: where none are heard, also of a driver's `sriov_numvfs`.

        True as well where it is not yet time to look again.
        """
        began = self._clock()
        if began < self._list_at:
            return True
        try:
            names = root.listdir(devices.PCI)
        except OSError:
            names = []
        self._list_at = began + min(_SHARE * (self._clock() - began), _RARELY)
        found = hash(tuple(names))  # of 16,384 names, which need not be kept or looked up
        if found == self._listed:
            return True
        same = refresh.same_functions(snapshot, names)
        self._listed = found if same else None
        return same

    def _patrol(self, snapshot: Snapshot) -> Iterator[Members]:
        """The groups whose turn it is."""
        groups = snapshot.members
        share = max(_LEAST, -(-len(groups) // _POLLS))
        start = self._next if self._next < len(groups) else 0
        self._next = start + share
        return iter(groups[start : start + share])


class _Firmware:
    """The decoded tables as JSON, made once for the same tables: once in a boot."""

    def __init__(self) -> None:
        self._kept: tuple[object, bytes] | None = None

    def render(self, snapshot: Snapshot) -> bytes:
        evidence = allowed.evidence(snapshot)
        memory = reserved.of_host(snapshot)
        of = snapshot.acpi, snapshot.kernel.arch, evidence, memory
        if self._kept is None or of != self._kept[0]:
            self._kept = of, dumps(firmware_json(of_host(snapshot))).encode() + b"\n"
        return self._kept[1]


def _astray(root: Root, before: Snapshot, full: Snapshot) -> int:
    """Count the groups for which the incremental update differs from the full reading.

    Anything but 0 is a bug.

    What differs may have changed without a word; told of it, the follower must get there.
    """
    was = {members.group.id: members for members in before.members}
    changed = {
        device.name
        for members in full.members
        if was.get(members.group.id) is not members
        for one in (members, was.get(members.group.id, members))
        for device in one.devices
    }
    followed = take_again(root, before, frozenset(changed))
    wrong = sum(one != other for one, other in zip(followed.members, full.members, strict=False))
    wrong += abs(len(followed.members) - len(full.members))
    if wrong and take_again(root, full) != full:
        return 0  # the host changed between the two readings
    return wrong
