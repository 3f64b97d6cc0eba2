"""The process: sockets, what follows the host, signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vfioguard import unchanged, wording
from vfioguard.fact import value_or
from vfioguard.judging.policies import policy_names
from vfioguard.kernel.identity import boot_id
from vfioguard.report import Report
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import Patience
from vfioguard.serve import counts
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.connection.connections import Connections
from vfioguard.serve.connection.server import Server
from vfioguard.serve.follower import Follower, Hooks, Intervals
from vfioguard.serve.host.holders import Holders
from vfioguard.serve.host.reader import Reader
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.http.routes import build
from vfioguard.serve.senses.hint import RELOAD, Hint
from vfioguard.serve.senses.senses import Senses
from vfioguard.serve.telling.change_teller import Follow
from vfioguard.serve.telling.journal import Journal, is_stderr
from vfioguard.serve.telling.log import Trouble
from vfioguard.serve.telling.log_lines import Teller
from vfioguard.serve.telling.state_files import StateFiles, default_directory
from vfioguard.serve.telling.systemd import Notifier
from vfioguard.serve.web import Opened, Web, opened

#: Seconds for which a thread keeps the interpreter, which is 5 ms otherwise: a reading asks for it
#: after each of its system calls, and so does the loop.
_SWITCH = 0.0002

_log = logging.getLogger("vfioguard")


class Followed(NamedTuple):
    """The host to follow, as `vfioguard serve` was told: see settings/table.py for each.

    `uevents` are "kernel", "udev" or "off".
    """

    root: str
    policy: str | None
    tables: str
    intervals: Intervals
    uevents: str
    state_directory: str | None


class Parts(NamedTuple):
    """The parts of the daemon, each made with what it needs."""

    server: Server
    backlog: Backlog
    senses: Senses
    follower: Follower
    follow: Follow
    notifier: Notifier


def serve(web: Web, host: Followed) -> None:
    """Serve until SIGTERM or SIGINT, and follow the host.

    Raises `CannotListen` before the host is read, and `CannotOpen`.
    """
    sys.setswitchinterval(_SWITCH)
    patience = Patience(Marks(directory(), host.root))
    reader = Reader(host.root, host.policy, host.tables, patience=patience)
    follow = _follow(host)
    with opened(web) as face:
        asyncio.run(_serve(face, host, reader, follow))


async def _serve(face: Opened, host: Followed, reader: Reader, follow: Follow) -> None:
    server, backlog, senses, follower, follow, notifier = compose(face, host, reader, follow)

    def stop() -> None:
        notifier.stopping()
        follow.hub.close()
        server.stop()

    def reload() -> None:
        notifier.reloading()
        backlog.tell(RELOAD)

    loop = asyncio.get_running_loop()
    for number, handler in (signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, reload):
        loop.add_signal_handler(number, handler)
    senses.start()
    gc.freeze()  # the modules are there to stay: no collection looks at them again
    tasks = [
        asyncio.create_task(follower.run()),
        asyncio.create_task(notifier.feed()),
        asyncio.create_task(follow.run()),
    ]
    for task in tasks:
        task.add_done_callback(partial(_ended, server))
    try:
        await server.serve(face.listeners.sockets)
    finally:
        senses.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def compose(face: Opened, host: Followed, reader: Reader, follow: Follow) -> Parts:
    """Make the parts of the daemon. Within the event loop: they make futures."""
    notifier = Notifier()
    backlog = Backlog(reader.patience)
    senses = Senses(backlog.tell, host.uevents, running=reader.running)
    latest = Latest(
        policy_names(),
        min(host.intervals),
        doubts=(backlog.doubt, senses.blind),
    )
    follower = Follower(
        _read(reader, follow), backlog, latest, host.intervals, _hooks(notifier, follow)
    )
    connections = Connections(face.limits, told=face.access.malformed)
    counted = (
        partial(counts.of_senses, senses),
        partial(counts.of_reader, reader),
        partial(counts.of_connections, connections),
    )
    server = Server(build(latest, follow, face.face, counted), connections, face.tls)
    return Parts(
        server=server,
        backlog=backlog,
        senses=senses,
        follower=follower,
        follow=follow,
        notifier=notifier,
    )


def _read(reader: Reader, follow: Follow) -> Callable[[Hint], Scan]:
    """Reading the host, with what the previous boot and other processes add to the Report."""
    # Processes run here and nowhere else.
    holders = (
        Holders(partial(open_root, "/", door=reader.patience.door)) if reader.running else None
    )

    def read(hint: Hint) -> Scan:
        scan = reader.read(hint)
        report = follow.history.add(scan.report)
        if holders is not None:
            report = holders.add(report)
        return scan._replace(report=report)

    return read


def _follow(host: Followed) -> Follow:
    """What tells of changes; the state is kept where the host was told, or where systemd says."""
    where = host.state_directory or default_directory(os.environ)
    journal = Journal() if is_stderr(os.environ) else None
    boot = value_or(boot_id.read(open_root(host.root)), None)
    return Follow(boot, StateFiles(where) if where else None, Teller(journal))


def _ended(server: Server, task: asyncio.Task[None]) -> None:
    """Better no daemon than half of one: what a task raises is raised once the server has ended."""
    if not task.cancelled() and task.exception() is not None:
        server.stop()


def _hooks(notifier: Notifier, follow: Follow) -> Hooks:
    """Who is told of each reading: what tells of changes, the log, systemd."""
    told = ""
    shown: Report | None = None
    trouble = Trouble("the host is read again")

    def settled(report: Report) -> None:
        nonlocal told, shown
        trouble.gone()
        if shown is None:
            gc.freeze()  # nor at the first reading's groups, most of which stay as well
        known = told and shown is not None and _same_outcomes(shown, report)
        if not known and (summary := wording.summary(report)) != told:
            _log.info("%s", summary)
            told = summary
        shown = report
        notifier.ready(told)

    def failed(reason: str) -> None:
        nonlocal told
        trouble.here(f"the host could not be read: {reason}")
        told = ""
        notifier.failed(f"the host could not be read: {reason}")

    def stuck(reason: str) -> None:
        nonlocal told
        _log.error("%s", reason)
        told = ""
        notifier.ready(reason)  # it answers 503, which one that is restarted would not

    return Hooks(served=follow.published, settled=settled, failed=failed, stuck=stuck)


def _same_outcomes(one: Report, other: Report) -> bool:
    """Whether each group's is the same, so that nothing need be counted."""
    differ = unchanged.differing(one.groups, other.groups)
    return differ is not None and all(
        one.groups[at].outcome is other.groups[at].outcome for at in differ
    )
