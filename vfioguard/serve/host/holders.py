"""Which processes hold a group: they have /dev/vfio/N or /dev/vfio/devices/vfioX open.

Documentation/driver-api/vfio.rst. The kernel reports this nowhere, so the descriptors of every
process are looked at (proc_pid_fd(5)). Without the privilege to see them the answer is a gap.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import psutil

from vfioguard import unchanged, wording
from vfioguard.fact import Gap, Why, printable
from vfioguard.report import GroupReport, Holder, Report
from vfioguard.root import Root
from vfioguard.serve.host.vfio_nodes import Nodes
from vfioguard.unchanged import keep

#: The least seconds between two looks. Looks take at most a thousandth of the time.
EVERY = 10.0
_SHARE = 1000
#: PROC_PID_INIT_INO, include/linux/proc_ns.h. Any other namespace hides processes of the host.
_INIT_PID_NAMESPACE = "pid:[4026531836]"
_NAME = 64

_SOURCE = "/proc/*/fd"
_NO_PRIVILEGE = "who holds /dev/vfio is not known: the descriptors of other processes are not shown"
_NAMESPACE = (
    "who holds /dev/vfio is not known: this PID namespace does not show the host's processes"
)


class Held(NamedTuple):
    """The holders of each group, by its number. With a gap others may hold a group too."""

    groups: Mapping[int, tuple[Holder, ...]]
    gap: Gap | None


class Holders:
    """Adds the holders to each report. Only one thread at a time may call it.

    `root` returns the host. `dev` is the directory of the device nodes. `processes` returns the ids
    of all processes. `clock` counts seconds.
    """

    def __init__(
        self,
        root: Callable[[], Root],
        dev: str = "/dev/vfio",
        processes: Callable[[], Iterable[int]] = psutil.pids,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processes = processes
        self._clock = clock
        self._due = -1.0
        self._nodes = Nodes(root, dev)
        self._seen: tuple[GroupReport, ...] = ()
        self._shown: tuple[GroupReport, ...] = ()
        self.held = Held({}, None)

    def add(self, report: Report) -> Report:
        """The report with the holders of its groups. A group without device nodes is unchanged.

        A group is the same object as before if neither it nor its holders changed.
        """
        groups = report.groups
        # If anything below raises, the next report is compared with nothing, so all of it counts.
        seen, self._seen = self._seen, ()
        differ = unchanged.differing(seen, groups)
        others = self._nodes.see(groups, differ)
        if not self._nodes:
            self.held, self._seen, self._shown = Held({}, None), groups, groups
            return report
        was, began = self.held, self._clock()
        if others or began >= self._due:
            self.held = look(self._nodes.group_of, self._processes())
            self._due = began + max(EVERY, _SHARE * (self._clock() - began))
        if differ is None:
            self._show(groups, range(len(groups)), groups)
        elif self.held != was:
            self._show(groups, {*differ, *self._nodes.places()}, self._shown)
        elif differ:
            self._show(groups, differ, self._shown)
        self._seen = groups
        return _with_gap(report._replace(groups=self._shown), self.held)

    def _show(
        self, groups: tuple[GroupReport, ...], again: Iterable[int], before: tuple[GroupReport, ...]
    ) -> None:
        shown = list(before)
        for place in again:
            now = groups[place]
            shown[place] = keep(_held_by(now, self.held) if now.on_vfio else now, before[place])
        self._shown = tuple(shown)


def _held_by(group: GroupReport, held: Held) -> GroupReport:
    return group._replace(holders=held.groups.get(group.id, None if held.gap else ()))


def _with_gap(report: Report, held: Held) -> Report:
    return report if held.gap is None else report._replace(gaps=(*report.gaps, held.gap))


def look(group_of: Callable[[str], int | None], processes: Iterable[int]) -> Held:
    """Find who holds which group.

    `group_of` returns the number of the group that the file at a path opens, or None.
    """
    holders: dict[int, list[Holder]] = {}
    gap = _blind()
    for pid in processes:
        try:
            groups = {group_of(path) for path in _open_files(pid)}
        except PermissionError:
            gap = gap or Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
            continue
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ESRCH}:
                raise
            continue  # the process has ended
        for group in groups:
            if group is not None:
                holders.setdefault(group, []).append(_holder(pid))
    return Held({group: tuple(sorted(those)) for group, those in holders.items()}, gap)


def _open_files(pid: int) -> Iterable[str]:
    directory = f"/proc/{pid}/fd"
    for descriptor in os.listdir(directory):
        try:
            yield os.readlink(f"{directory}/{descriptor}")
        except FileNotFoundError:
            continue  # the descriptor was closed meanwhile


def _blind() -> Gap | None:
    """The gap if /proc does not show the other processes. Returns None if it does."""
    if os.readlink("/proc/self/ns/pid") != _INIT_PID_NAMESPACE:
        return Gap(Why.DENIED, _SOURCE, _NAMESPACE)
    if not os.path.exists("/proc/1"):  # hidepid=, ProtectProc=
        return Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
    return None


def _holder(pid: int) -> Holder:
    try:
        process = psutil.Process(pid)
        began = wording.moment(process.create_time())
        return Holder(pid, printable(process.name())[:_NAME], began)
    except psutil.Error:
        return Holder(pid, "?", None)
