"""Reads and judges the host for the daemon: all of it, or only what may have changed.

The first reading takes the whole host. Each later one starts from the last Snapshot and reads what
its hint names. There are three kinds, from dear to cheap:

- "full" reads everything again.
- "listings" lists the devices and the groups, and reads the devices that are new or changed.
- "devices" reads only the PCI functions that changed. `reading/refresh.py` returns None if one is
  new, gone, in another group, or bears on more than its own group. Then the listings are read.

A part that stayed the same stays the same object, so only groups that differ are judged again
(judging/again.py).

Some changes send no uevent. Therefore a poll reads the module parameters and a part of the groups,
and now and then the list of functions.

A full reading at intervals checks the following ("reconcile"). It counts the groups whose followed
state or verdict differs from one made from scratch. Any such group is a bug; the verdicts made from
scratch are served.

A reading may hang. The worker then leaves its thread behind and calls `read` from another thread.
The patience has a new `Door` by then, which leaves the hanging path out, so the host is opened
again. If the first thread returns after all, its `door.leave()` raises IndexError before it can
keep what it read.
"""

from __future__ import annotations

import copy
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
from vfioguard.judging import causes
from vfioguard.judging.again import disagreements, judge_again
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.judging.under import under
from vfioguard.judging.what_if import group_if
from vfioguard.kernel import devices
from vfioguard.kernel.members import Members
from vfioguard.output.firmware.json import firmware_json
from vfioguard.proof_json import dumps
from vfioguard.reading import refresh
from vfioguard.reading.again import take_again
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root import Root
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import Door, Patience
from vfioguard.serve.host.advice import Advice
from vfioguard.serve.host.describing import Describing
from vfioguard.serve.host.explaining import explain
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.senses.hint import EVERYTHING, Hint
from vfioguard.snapshot import Snapshot

_log = logging.getLogger("vfioguard")

#: A poll looks at one part of the groups: at all of them within `_POLLS` polls, and at `_LEAST` or
#: more each time.
_POLLS, _LEAST = 60, 128
#: Listing the functions takes at most a thousandth of the time. 16,384 names take 12 ms.
_SHARE = 1000
#: The most seconds between two lists, however long one took, as it may have hung.
_RARELY = 60.0
#: If more functions than this changed, reading the listings is cheaper.
_MANY = 32
KINDS: tuple[str, ...] = ("full", "listings", "devices")


class HostReader:
    """Follows one host. Only one thread at a time may call it.

    `readings` counts the readings by kind. `mismatches` counts the groups whose followed state or
    verdict differed from one made from scratch. Anything but 0 is a bug.
    """

    def __init__(
        self,
        path: str,
        chosen: Choice,
        handed: str = "",
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        """Raises `CannotOpen`.

        `path` is a directory or a capture file, `handed` a directory of its ACPI tables or ""
        (`open_root`). `chosen` is what the headlines are about; nothing to choose by the
        kernel. `clock` counts seconds.
        """
        self.patience = patience or Patience()
        self._door = self.patience.door
        self._clock = clock
        self._path = path
        self._handed = handed
        self._chosen = chosen
        self._capture = None if os.path.isdir(path) else open_root(path, handed)
        self._root = self._open()
        self._judged: Judged | None = None
        self._next = 0
        #: The hash of the list of PCI functions that a poll found to be those of the snapshot.
        self._listed: int | None = None
        self._list_at = -math.inf
        self._firmware = _Firmware()
        self._describing = Describing(self._open_beside)
        self._advice = Advice()
        #: Whether the host that is read is the running one.
        self.running = os.path.realpath(path) == "/"
        self.readings = Counter(dict.fromkeys(KINDS, 0))
        self.mismatches = 0

    def _open(self) -> Root:
        if isinstance(self._capture, Memory):
            self._capture.begin()
        return self._capture or open_root(self._path, self._handed, self._door)

    def _open_beside(self, door: Door) -> Root:
        """The host for another thread. Paths that do not answer this one are left out there too."""
        if isinstance(self._capture, Memory):
            beside = copy.copy(self._capture)  # the files are shared, but not the place in them
            beside.begin()
            return beside
        return self.patience.door.around(open_root(self._path, self._handed, door))

    def read(self, hint: Hint = EVERYTHING) -> Scan:
        """The host as it is now. Only what the hint is about is read again.

        Raises OSError, and IndexError in a thread that was given up.
        """
        began = self._clock()
        taken_at = time.time()
        generated_at = wording.moment(taken_at)
        door, earlier = self.patience.door, self._door
        self._door = door
        # A directory that is not the running host remembers where its links led.
        if hint.everything or not self.running or door is not earlier:
            self._root = self._open()
        root = self._root
        before = self._judged
        if before is None:
            kind, snapshot = "full", take(root)
        elif hint.everything:
            kind, snapshot = "full", take_again(root, before.snapshot)
        else:
            kind, snapshot = self._follow(root, before.snapshot, hint)
        door.leave()
        self.readings[kind] += 1
        if kind != "devices":
            self._listed = None
        judged = self._judge(snapshot, generated_at)
        if before is not None and hint.reconcile:
            self.mismatches += _astray(root, before.snapshot, snapshot)
            judged = self._checked(judged)
        report = self._advice.given(judged)
        door.leave()
        self._judged = judged
        return Scan(
            report=report,
            under=partial(under, judged),
            check=partial(check, judged),
            why=partial(causes.why, judged.host),
            explain=partial(explain, judged),
            what_if=partial(group_if, judged),
            state=snapshot,
            taken_at=taken_at,
            seconds=self._clock() - began,
            firmware=partial(self._firmware.render, snapshot),
            facts=partial(self._describing.facts, judged),
        )

    def _judge(self, snapshot: Snapshot, generated_at: str) -> Judged:
        """Judge what differs from the last reading."""
        before = self._judged
        if before is None:
            return judge(snapshot, generated_at, self._chosen)
        if snapshot is before.snapshot:
            return before._replace(report=before.report._replace(generated_at=generated_at))
        return judge_again(before, snapshot, generated_at)

    def _checked(self, judged: Judged) -> Judged:
        """Compare the verdicts with ones made from scratch. Returns the latter if any differs."""
        wrong = disagreements(judged)
        if not wrong:
            return judged
        self.mismatches += wrong
        _log.error("%d groups had another verdict than they should have: a bug", wrong)
        return judge(judged.snapshot, judged.report.generated_at, self._chosen)

    def _follow(self, root: Root, snapshot: Snapshot, hint: Hint) -> tuple[str, Snapshot]:
        """Read as little as suffices. Returns the kind of the reading, and the new snapshot."""
        changed, listings = hint.devices, hint.listings
        if hint.parameters or hint.poll:
            snapshot = refresh.overrides(root, snapshot)
        if hint.poll:
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
        """Whether the host lists the PCI functions of the snapshot, and no others.

        This detects functions that came or went without a uevent. If no uevents are heard, those of
        a driver's `sriov_numvfs` are among them. Returns True as well while the next look is not
        due.
        """
        began = self._clock()
        if began < self._list_at:
            return True
        try:
            names = root.listdir(devices.PCI)
        except OSError:
            names = []
        self._list_at = began + min(_SHARE * (self._clock() - began), _RARELY)
        # A hash is compared sooner than 16,384 names, and need not hold them.
        digest = hash(tuple(names))
        if digest == self._listed:
            return True
        same = refresh.same_functions(snapshot, names)
        self._listed = digest if same else None
        return same

    def _patrol(self, snapshot: Snapshot) -> Iterator[Members]:
        """The groups that this poll looks at."""
        groups = snapshot.members
        share = max(_LEAST, -(-len(groups) // _POLLS))
        start = self._next if self._next < len(groups) else 0
        self._next = start + share
        return iter(groups[start : start + share])


class _Firmware:
    """Renders the decoded tables as JSON: usually once, as they stay the same for a boot."""

    def __init__(self) -> None:
        self._kept: tuple[object, bytes] | None = None

    def render(self, snapshot: Snapshot) -> bytes:
        evidence = allowed.evidence(snapshot)
        memory = reserved.of_host(snapshot)
        basis = snapshot.acpi, snapshot.kernel.arch, evidence, memory
        if self._kept is None or basis != self._kept[0]:
            self._kept = basis, dumps(firmware_json(of_host(snapshot))).encode() + b"\n"
        return self._kept[1]


def _astray(root: Root, before: Snapshot, full: Snapshot) -> int:
    """Count the groups for which the incremental update differs from the full reading.

    Anything but 0 is a bug.

    A group may differ because it changed and no hint said so. So the incremental update is told the
    devices of each group that differs. It must then arrive at the same groups.
    """
    earlier = {members.group.id: members for members in before.members}
    changed = {
        device.name
        for members in full.members
        if earlier.get(members.group.id) is not members
        for version in (members, earlier.get(members.group.id, members))
        for device in version.devices
    }
    followed = take_again(root, before, frozenset(changed))
    pairs = zip(followed.members, full.members, strict=False)
    wrong = sum(ours != theirs for ours, theirs in pairs)
    wrong += abs(len(followed.members) - len(full.members))
    if wrong and take_again(root, full) != full:
        return 0  # the host changed between the two readings
    return wrong
