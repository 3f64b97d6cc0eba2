"""Which processes hold the groups of each report (reading/holders.py), and when to look again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil

from vfioguard import unchanged, wording
from vfioguard.fact import printable
from vfioguard.judging.holding import held_by
from vfioguard.reading.holders import NAME, Held, look
from vfioguard.report import GroupReport, Holder, Report
from vfioguard.root import Root
from vfioguard.serve.host.vfio_nodes import Nodes
from vfioguard.unchanged import keep

#: The least seconds between two looks, unless a holder has ended. Otherwise looks take at most a
#: thousandth of the time.
EVERY = 10.0
_SHARE = 1000


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
        if others or began >= self._due or self._ended():
            self.held = look(self._nodes.group_of, self._processes(), _holder)
            self._due = began + max(EVERY, _SHARE * (self._clock() - began))
        if differ is None:
            self._show(groups, range(len(groups)), groups)
        elif self.held != was:
            self._show(groups, {*differ, *self._nodes.places()}, self._shown)
        elif differ:
            self._show(groups, differ, self._shown)
        self._seen = groups
        return _with_gap(report._replace(groups=self._shown), self.held)

    def _ended(self) -> bool:
        """Whether a process that held a group has ended."""
        holders = (holder for each in self.held.groups.values() for holder in each)
        return not all(psutil.pid_exists(holder.pid) for holder in holders)

    def _show(
        self, groups: tuple[GroupReport, ...], again: Iterable[int], before: tuple[GroupReport, ...]
    ) -> None:
        shown = list(before)
        for place in again:
            now = groups[place]
            shown[place] = keep(self._held_by(now) if now.on_vfio else now, before[place])
        self._shown = tuple(shown)

    def _held_by(self, group: GroupReport) -> GroupReport:
        return held_by(group, self.held.of(group.id))


def _with_gap(report: Report, held: Held) -> Report:
    return report if held.gap is None else report._replace(gaps=(*report.gaps, held.gap))


def _holder(pid: int) -> Holder:
    try:
        process = psutil.Process(pid)
        began = wording.moment(process.create_time())
        return Holder(pid, printable(process.name())[:NAME], began)
    except psutil.Error:
        return Holder(pid, "?", None)
