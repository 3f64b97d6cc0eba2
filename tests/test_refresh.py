"""A host followed by what it tells is the host that a full reading finds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from tests.support.following import follow
from tests.support.functions import Function
from tests.support.living import LISTED, PHYSICAL, VIRTUAL, Living, Machine, lives
from vfioguard.attach import Attach
from vfioguard.fact import Fact
from vfioguard.judging.again import judge_again
from vfioguard.judging.evaluate import Judged, evaluate, judge
from vfioguard.kernel import devices
from vfioguard.kernel.interrupts import irq
from vfioguard.reading import refresh
from vfioguard.reading.again import take_again
from vfioguard.reading.take import take
from vfioguard.root import ATTRIBUTE
from vfioguard.root.memory import Memory


@given(lives())
@settings(max_examples=150, deadline=None)
def test_following_a_host_finds_what_reading_it_again_finds(moments: list[Living]) -> None:
    judged = judge(take(Memory(moments[0].entries())), "now")
    for before, after in pairwise(moments):
        root = Memory(after.entries())
        snapshot = follow(root, judged.snapshot, before, after)
        assert snapshot == take(root)
        judged = judge_again(judged, snapshot, "now")
        assert judged.report == evaluate(take(root), "now")


@given(lives())
@settings(max_examples=100, deadline=None)
def test_reading_everything_again_keeps_what_is_the_same(moments: list[Living]) -> None:
    root = Memory(moments[-1].entries())
    first = judge(take(root), "now")
    second = judge_again(first, take_again(root, first.snapshot), "now")
    assert second.report == first.report
    for old, new in zip(first.report.groups, second.report.groups, strict=True):
        assert new is old
    for old, new in zip(first.snapshot.devices, second.snapshot.devices, strict=True):
        assert new is old


def host(*names: str, driver: str = "e1000e", chip: str | None = "IR-PCI-MSIX") -> Living:
    functions = {n: (Function(n, chip, driver), at) for at, n in enumerate(names)}
    return Living(Machine(), functions)


def judged(living: Living) -> Judged:
    return judge(take(Memory(living.entries())), "now")


def test_a_new_driver_changes_its_group_and_no_other() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    changed = host("0000:01:00.0", "0000:02:00.0")
    moved = {**changed.functions, "0000:02:00.0": (Function("0000:02:00.0", None, "vfio-pci"), 1)}
    root = Memory(changed._replace(functions=moved).entries())
    snapshot = refresh.function(root, before.snapshot, "0000:02:00.0")
    assert snapshot is not None
    after = judge_again(before, snapshot, "now")
    assert after.report.groups[0] is before.report.groups[0]
    assert after.report.groups[1].devices[0].driver == "vfio-pci"


def test_a_hot_plugged_device_leaves_the_other_groups_as_they_are() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    root = Memory(host("0000:01:00.0", "0000:02:00.0", "0000:03:00.0").entries())
    snapshot = take_again(root, before.snapshot, frozenset({"0000:03:00.0"}))
    after = judge_again(before, snapshot, "now")
    assert [group.id for group in after.report.groups] == [0, 1, 2]
    assert after.report.groups[0] is before.report.groups[0]


def test_a_device_that_is_gone_is_not_read_as_if_it_were_there() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    root = Memory(host("0000:01:00.0").entries())
    assert refresh.function(root, before.snapshot, "0000:02:00.0") is None


def test_msis_that_are_of_another_chip_now_are_found_though_their_numbers_are_the_same() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0")).snapshot
    changed = host("0000:01:00.0", "0000:02:00.0")
    other = Function("0000:02:00.0", "PCI-MSIX", "e1000e")
    root = Memory(
        changed._replace(functions=changed.functions | {other.name: (other, 1)}).entries()
    )
    assert list(refresh.unannounced(root, before.members)) == ["0000:02:00.0"]


def test_an_owner_is_read_again_after_its_virtual_functions_went() -> None:
    owner = Function(PHYSICAL, "IR-PCI-MSIX", "igb")
    living = Living(Machine(), {PHYSICAL: (owner, 0), **host("0000:02:00.0").functions}, vfs=2)
    before = judged(living).snapshot
    same, gone = Memory(living.entries()), Memory(living._replace(vfs=0).entries())
    assert list(refresh.unannounced(same, before.members)) == []
    assert list(refresh.unannounced(gone, before.members)) == [PHYSICAL]
    after = refresh.function(gone, before, PHYSICAL)
    assert after == take(gone)


class Enabling:
    """The functions while a driver enables virtual ones: to read their number waits for it."""

    prefix = f"{devices.PCI}/"

    def __init__(self, before: Memory, after: Memory) -> None:
        self._now, self._after = before.under(devices.PCI), after.under(devices.PCI)

    def read(self, name: str, limit: int = ATTRIBUTE) -> bytes:
        if name.endswith("/sriov_numvfs"):
            self._now = self._after
        return self._now.read(name, limit)

    def readlink(self, name: str) -> str:
        return self._now.readlink(name)

    def listdir(self, name: str) -> list[str]:
        return self._now.listdir(name)


def test_the_msis_of_an_owner_are_those_that_it_has_after_its_driver_enabled_the_others() -> None:
    owner = Function(PHYSICAL, "IR-PCI-MSIX", "igb")
    before = Living(Machine(), {PHYSICAL: (owner, 0)})
    after = Living(Machine(), {PHYSICAL: (owner._replace(vectors=1), 0)}, vfs=4)
    root = Memory(after.entries())
    irqs = irq.directory(Memory(before.entries()))
    enabling = Enabling(Memory(before.entries()), root)
    now = devices.read_pci(root.under(devices.PCI), irqs, PHYSICAL)
    assert devices.read_pci(enabling, irqs, PHYSICAL) == now


@pytest.mark.parametrize("vendor", ["arm", "intel"])
def test_a_unit_that_gets_a_function_after_it_was_read_is_found_when_its_driver_comes(
    vendor: str,
) -> None:
    names = "0000:01:00.0", "0000:02:00.0"
    plugged = host(*names)._replace(machine=Machine(vendor=vendor), unlinked=frozenset(names[1:]))
    first = judged(plugged)
    root = Memory(plugged._replace(unlinked=frozenset()).entries())
    snapshot = follow(root, first.snapshot, plugged, plugged._replace(unlinked=frozenset()))
    assert snapshot == take(root)
    assert judge_again(first, snapshot, "now").report == evaluate(take(root), "now")


def test_a_device_that_tells_of_all_others_tells_the_same_after_it_was_read_again() -> None:
    names = "0000:01:00.0", "0000:02:00.0"
    arm = Machine(vendor="arm", release="6.1.0")
    before, after = (
        host(*names, driver=driver, chip="GICv2m-PCI-MSIX")._replace(machine=arm)
        for driver in ("e1000e", "igb")
    )
    first = judged(before)
    root = Memory(after.entries())
    again = judge_again(first, follow(root, first.snapshot, before, after), "now")
    assert again.report == evaluate(take(root), "now")
    assert all("gicv2m" in group.causes for group in again.report.groups)


VFIO = Function(PHYSICAL, None, "vfio-pci")


def with_virtual(owner: Function, *, vfs: int = 1) -> Living:
    virtual = Function(VIRTUAL, None, "vfio-pci")
    functions = {PHYSICAL: (owner, 0), VIRTUAL: (virtual, 1)}
    return Living(Machine(cdev=True), functions, vfs=vfs)


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        (
            with_virtual(Function(PHYSICAL, "IR-PCI-MSIX", "igb")),
            Attach.YES,
            with_virtual(VFIO),
        ),
        # The owner has none, and yet one names it: nobody knows.
        (with_virtual(VFIO, vfs=0), Attach.UNKNOWN, with_virtual(VFIO)),
    ],
    ids=["the owner joins VFIO", "the owner gets functions"],
)
def test_an_owner_changes_what_its_virtual_function_meets_in_another_group(
    before: Living, answer: Attach, after: Living
) -> None:
    for first, last, now in ((before, after, Attach.NO), (after, before, answer)):
        of = judged(first)
        root = Memory(last.entries())
        again = judge_again(of, follow(root, of.snapshot, first, last), "now")
        assert again.report == evaluate(take(root), "now")
        attachment = again.report.groups[1].attachment
        assert attachment.errno == ("EACCES" if now is Attach.NO else None)
        assert attachment.now is now


@pytest.mark.parametrize("denied", [True, None])
def test_the_denylist_is_read_again_with_the_parameters(denied: bool | None) -> None:
    before = Living(Machine(), {LISTED: (Function(LISTED, "IR-PCI-MSIX", "qat"), 0)})
    after = before._replace(denied=denied)
    of = judged(before)
    root = Memory(after.entries())
    again = judge_again(of, follow(root, of.snapshot, before, after), "now")
    assert of.report.groups[0].attachment.attach is Attach.NO
    assert again.report == evaluate(take(root), "now")
    assert (again.report.groups[0].attachment.attach is Attach.YES) is (denied is True)


def test_a_life_may_have_every_fact_that_an_attach_asks_for() -> None:
    devices = {
        device.name: device
        for members in judged(with_virtual(VFIO)).snapshot.members
        for device in members.devices
    }
    owner, virtual = devices[PHYSICAL], devices[VIRTUAL]
    assert isinstance(owner.vfs, Fact)
    assert virtual.vfio is not None
    assert isinstance(virtual.vfio.physfn, Fact)
    assert virtual.vfio.physfn.value == PHYSICAL
    assert isinstance(virtual.vfio.node, Fact)
