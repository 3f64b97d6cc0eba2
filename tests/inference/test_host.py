"""The Host, which holds the inferences from one snapshot."""

from __future__ import annotations

import gc
import weakref

import pytest

from tests.support.hosts import arm_host, x86_host
from vfioguard.inference.host import Host
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory


@pytest.mark.parametrize("entries", [x86_host(2), arm_host(2)], ids=["x86", "Arm"])
def test_a_host_that_forgot_is_freed_without_the_cycle_collector(entries: dict[str, Entry]) -> None:
    snapshot = take(Memory(entries))
    host = Host(snapshot)
    for members in snapshot.members:
        host.every_member(members)
    freed = weakref.ref(host)
    gc.disable()
    try:
        host.forget()
        del host
        assert freed() is None
    finally:
        gc.enable()
