"""The law of the fast path: of a group that is called plain no blocker says anything.

judging/attachments.py gives a plain group the Attachment of its interrupts, and loads no leaf.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import cast

import pytest
from hypothesis import given, settings

from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.living import Living, lives
from tests.test_agreement import CASES, HOSTS
from vfioguard.attach import Attach
from vfioguard.blocker import Attempt
from vfioguard.inference import drivers
from vfioguard.judging.attachments import Attachments, all_blocked, of_group
from vfioguard.judging.evaluate import Judged, judge
from vfioguard.judging.plain import is_bound
from vfioguard.judging.plain import nodes as plain_nodes
from vfioguard.kernel.members import Members
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root

BACKENDS = ("type1", "iommufd", "spapr_tce")


@cache
def judged(host: str, state: str) -> Judged:
    return judge(take(open_root(str(HOSTS / host / f"{state}.tar.xz"))), "now")


def plain(of: Judged) -> Iterator[Members]:
    """The groups whose members the fast path lets through."""
    return (
        members
        for members in of.snapshot.members
        if is_bound(members, of.host.witnesses) is not None
    )


def attempts(of: Judged, members: Members, backend: str) -> Iterator[Attempt]:
    """Those of `of_group`: every member that can be bound is, and the group as it stands."""
    takers = tuple(
        [d for d in members.devices if drivers.takes(of.host.snapshot, d).truth is not False]
    )
    bound = tuple([device for device in takers if drivers.is_taken(device)])
    every = Attempt(
        host=of.host,
        members=members,
        backend=backend,
        binding=tuple([device for device in takers if device not in bound]),
        used=takers,
        as_is=False,
    )
    yield every
    if bound:
        yield every._replace(binding=(), used=bound, as_is=True)


def passes_by(of: Judged, members: Members, backend: str) -> bool:
    """Whether the host has the backend's module and nodes, and its IOMMUs keep caches coherent."""
    host = of.host
    nodes = host.has_cdevs.truth is True or host.iommufd_container.truth is True
    nodes = plain_nodes(members) is True if is_bound(members, host.witnesses) else nodes
    coherent = all(host.coherent(device).truth is True for device in members.devices)
    return host.is_loaded(backend) and coherent and (backend != "iommufd" or nodes)


def gives_what_all_blockers_give(of: Judged) -> None:
    fast = Attachments(of.host)
    for members, group in zip(of.snapshot.members, of.report.groups, strict=True):
        for backend, verdict in group.backends:
            if verdict is not None:
                whole = of_group(of.host, members, backend, verdict)
                assert fast.attachment(members, backend, verdict) == whole


@pytest.mark.parametrize(("host", "state"), CASES)
def test_no_blocker_says_anything_of_a_plain_group(host: str, state: str) -> None:
    of = judged(host, state)
    said = [
        (members.group.id, backend, kind.name)
        for members in plain(of)
        for backend in BACKENDS
        if passes_by(of, members, backend)
        for attempt in attempts(of, members, backend)
        for kind, _ in all_blocked(attempt)
    ]
    assert not said


@pytest.mark.parametrize(("host", "state"), CASES)
def test_the_fast_path_gives_what_all_blockers_give(host: str, state: str) -> None:
    gives_what_all_blockers_give(judged(host, state))


@pytest.mark.parametrize("option", ["VFIO_PCI", "VFIO_DEVICE_CDEV", None])
@pytest.mark.parametrize("release", ["5.10.0", "6.1.0", "6.8.0", "6.12.0", "7.3.0"])
@pytest.mark.parametrize("override", [None, False, True])
@pytest.mark.parametrize("remapping", [False, True])
def test_the_fast_path_gives_it_on_any_kernel(
    remapping: bool, override: bool | None, release: str, option: str | None
) -> None:
    drivers = {1: None, 2: "vfio-pci", 3: "e1000e", 4: "vfio-pci", 5: "mlx5_vfio_pci"}
    groups = {n: [Function(f"0000:0{n}:00.0", driver=driver)] for n, driver in drivers.items()}
    for iommufd in (None, override or False):
        entries = x86_host(
            groups, remapping=remapping, override=override, iommufd=iommufd, release=release
        )
        config = f"/boot/config-{release}"
        if option:
            line = f"# CONFIG_{option} is not set\nCONFIG_PROC_FS".encode()
            entries[config] = cast("bytes", entries[config]).replace(b"CONFIG_PROC_FS", line)
        with_nodes = dict(entries)
        for n in (2, 5):
            with_nodes[f"/sys/devices/pci0000:00/0000:0{n}:00.0/vfio-dev/vfio{n}/dev"] = b"511:0\n"
        for host in (entries, with_nodes):
            gives_what_all_blockers_give(judge(take(Memory(host)), "now"))


def test_a_kernel_without_vfio_pci_takes_no_function() -> None:
    entries = x86_host({1: [Function("0000:01:00.0")]}, release="6.12.0")
    config = cast("bytes", entries["/boot/config-6.12.0"])
    entries["/boot/config-6.12.0"] = config.replace(
        b"CONFIG_PROC_FS", b"# CONFIG_VFIO_PCI is not set\nCONFIG_PROC_FS"
    )
    (group,) = judge(take(Memory(entries)), "now").report.groups
    assert group.attachment.attach is Attach.NO


@given(lives())
@settings(max_examples=100, deadline=None)
def test_the_fast_path_gives_it_on_hosts_that_nobody_recorded(moments: list[Living]) -> None:
    gives_what_all_blockers_give(judge(take(Memory(moments[-1].entries())), "now"))


@pytest.mark.parametrize("wanted", ["as-booted", "bound"])
def test_plain_groups_are_most_of_those_that_were_booted(wanted: str) -> None:
    counts = [
        (len(list(plain(of))), len(of.snapshot.members))
        for host, state in CASES
        if state == wanted
        for of in [judged(host, state)]
    ]
    assert sum(few for few, _ in counts) > 500
    assert any(0 < few < many for few, many in counts)


def test_groups_that_are_alike_share_their_attachments() -> None:
    bound = {n: [Function(f"0000:0{n}:00.0", "IR-PCI-MSI", driver="vfio-pci")] for n in (1, 2, 3)}
    alike, also, last = judge(take(Memory(x86_host(bound))), "now").report.groups
    assert alike.attachments is also.attachments is last.attachments
    assert alike.attachment is last.attachment
    assert alike.attachment.now is Attach.YES
