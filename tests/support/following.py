"""One step of a host that is followed, as the daemon takes it."""

from __future__ import annotations

from tests.support.living import Living, told
from vfioguard.reading import refresh
from vfioguard.reading.again import take_again
from vfioguard.root.memory import Memory
from vfioguard.snapshot import Snapshot


def follow(root: Memory, snapshot: Snapshot, before: Living, after: Living) -> Snapshot:
    """The snapshot of `after`, by reading the least that is enough."""
    devices, listings, machine = told(before, after)
    if machine:
        snapshot = refresh.overrides(root, snapshot)
    if not listings:
        for name in sorted(devices):
            again = refresh.function(root, snapshot, name)
            if again is None:
                break
            snapshot = again
        else:
            return snapshot
    return take_again(root, snapshot, devices)
