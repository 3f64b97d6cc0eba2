"""Which process holds a group now: has /dev/vfio/N or /dev/vfio/devices/vfioX open.

Documentation/driver-api/vfio.rst. The kernel tells nobody, so the descriptors of every process are
looked at (proc_pid_fd(5)), which takes the privilege to see them: without it that is a gap.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, ParamSpec

import psutil

from vfioguard import places
from vfioguard.fact import Gap, Why
from vfioguard.report import GroupReport, Holder, Report
from vfioguard.root import Root
from vfioguard.serve.latest import Scan
from vfioguard.wording import printable

P = ParamSpec("P")

#: Seconds between two looks at least; looks take no more than a thousandth of the time.
EVERY = 10.0
_SHARE = 1000
#: PROC_PID_INIT_INO, include/linux/proc_ns.h: elsewhere processes of the host are out of sight.
_INIT_PID_NAMESPACE = "pid:[4026531836]"
_NAME = 64

_SOURCE = "/proc/*/fd"
_NO_PRIVILEGE = "who holds /dev/vfio is not known: the descriptors of other processes are not shown"
_NAMESPACE = (
    "who holds /dev/vfio is not known: this PID namespace does not show the host's processes"
)


class Held(NamedTuple):
    """Group -> who holds it. With a gap others may hold it too."""

    groups: Mapping[int, tuple[Holder, ...]]
    gap: Gap | None


class Holders:
    """Adds the holders to each report; for one thread at a time.

    Only groups with a member bound to a VFIO driver have a node. `root` is the host, `dev` the
    directory of the nodes, `processes` gives their ids, `clock` counts seconds.
    """

    def __init__(
        self,
        root: Callable[[], Root],
        dev: str = "/dev/vfio",
        processes: Callable[[], Iterable[int]] = psutil.pids,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._dev = dev
        self._processes = processes
        self._clock = clock
        self._due = -1.0
        self._seen: tuple[GroupReport, ...] = ()
        # Place of a bound group in the report -> the paths by which it can be opened.
        self._nodes: dict[int, dict[str, int]] = {}
        self._cache: dict[int, tuple[GroupReport, GroupReport]] = {}
        self.held = Held({}, None)

    def add(self, report: Report) -> Report:
        """The report with the holders of its groups; groups of which nobody knows any stay as are.

        A group that did not change, and whose holders did not, is the same object as before.
        """
        new = self._follow(report.groups)
        if not self._nodes:
            self._cache.clear()
            self.held = Held({}, None)
            return report
        began = self._clock()
        if began >= self._due:  # a driver makes its nodes after the driver's name can be read
            root = self._root()
            for place in self._nodes:
                self._nodes[place] = _nodes(root, self._dev, report.groups[place])
        if new or began >= self._due:
            nodes = {path: group for found in self._nodes.values() for path, group in found.items()}
            self.held = look(nodes, self._processes())
            self._due = began + max(EVERY, _SHARE * (self._clock() - began))
        return attach(report, self.held, self._nodes, self._cache)

    def _follow(self, groups: tuple[GroupReport, ...]) -> bool:
        """Find the nodes of the bound groups, of 16,384 only where something changed.

        Whether there are others than before.
        """
        if groups is self._seen:
            return False
        was = dict(self._nodes)
        differ: Iterable[int] | None = places.differing(self._seen, groups)
        if differ is None:
            self._nodes.clear()
            self._cache.clear()
            differ = range(len(groups))
        root: Root | None = None
        for place in differ:
            self._nodes.pop(place, None)
            if groups[place].on_vfio:
                root = root or self._root()
                self._nodes[place] = _nodes(root, self._dev, groups[place])
        self._seen = groups
        return was != self._nodes


def attach(
    report: Report,
    held: Held,
    places: Iterable[int],
    cache: dict[int, tuple[GroupReport, GroupReport]],
) -> Report:
    """The report with `held` in its groups at `places`; `cache` keeps them from call to call."""
    groups = list(report.groups)
    for place in places:
        group = groups[place]
        holders = held.groups.get(group.id, None if held.gap else ())
        known = cache.get(place)
        if known is None or known[0] is not group or known[1].holders != holders:
            known = cache[place] = group, group._replace(holders=holders)
        groups[place] = known[1]
    gaps = report.gaps if held.gap is None else (*report.gaps, held.gap)
    return report._replace(groups=tuple(groups), gaps=gaps)


def holding(read: Callable[P, Scan], holders: Holders) -> Callable[P, Scan]:
    """The same reading, whose reports know who holds a group."""

    def scanned(*args: P.args, **kwargs: P.kwargs) -> Scan:
        found = read(*args, **kwargs)
        report = holders.add(found.report)
        held = holders.held

        def under(policy: str) -> Report:
            other = found.under(policy)
            places = [place for place, group in enumerate(other.groups) if group.on_vfio]
            return attach(other, held, places, {}) if places else other

        return found._replace(report=report, under=under)

    return scanned


def look(nodes: Mapping[str, int], processes: Iterable[int]) -> Held:
    """Who has one of these files open, by the group that it stands for."""
    found: dict[int, list[Holder]] = {}
    gap = _blind()
    for pid in processes:
        try:
            groups = {nodes[path] for path in _open_files(pid) if path in nodes}
        except PermissionError:
            gap = gap or Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
            continue
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ESRCH}:
                raise
            continue  # it has ended
        for group in groups:
            found.setdefault(group, []).append(_holder(pid))
    return Held({group: tuple(sorted(holders)) for group, holders in found.items()}, gap)


def _open_files(pid: int) -> Iterable[str]:
    directory = f"/proc/{pid}/fd"
    for descriptor in os.listdir(directory):
        try:
            yield os.readlink(f"{directory}/{descriptor}")
        except FileNotFoundError:
            continue  # closed meanwhile


def _blind() -> Gap | None:
    """What /proc would not even show."""
    if os.readlink("/proc/self/ns/pid") != _INIT_PID_NAMESPACE:
        return Gap(Why.DENIED, _SOURCE, _NAMESPACE)
    if not os.path.exists("/proc/1"):  # hidepid=, ProtectProc=
        return Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
    return None


def _holder(pid: int) -> Holder:
    try:
        process = psutil.Process(pid)
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(process.create_time()))
        return Holder(pid, printable(process.name())[:_NAME], began)
    except psutil.Error:
        return Holder(pid, "?", None)


def _nodes(root: Root, dev: str, group: GroupReport) -> dict[str, int]:
    """Every path by which a group can be opened."""
    nodes = {f"{dev}/{group.id}": group.id, f"{dev}/noiommu-{group.id}": group.id}
    for device in group.devices:
        try:
            names = root.listdir(f"/sys/bus/{device.bus}/devices/{device.name}/vfio-dev")
        except OSError:
            continue  # a kernel without cdevs, or a member with another driver
        nodes |= {f"{dev}/devices/{name}": group.id for name in names}
    return nodes
