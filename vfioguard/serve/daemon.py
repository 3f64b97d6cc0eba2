"""The process: it makes the parts of the daemon, runs them, and handles signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

from vfioguard import unchanged, wording
from vfioguard.fact import printable, value_or
from vfioguard.judging.policies import policy_names
from vfioguard.kernel.identity import boot_id
from vfioguard.report import Choice, Report
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import Patience
from vfioguard.serve import arenas, counts
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.connection.connections import Connections
from vfioguard.serve.connection.server import Probed, Server
from vfioguard.serve.follower import Failed, Follower, Hooks, Intervals
from vfioguard.serve.host.holders import Holders
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.http.probes import Probes
from vfioguard.serve.http.routes import build
from vfioguard.serve.senses.hint import RELOAD, Hint
from vfioguard.serve.senses.senses import Senses
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.serve.telling.journal import Journal, is_stderr
from vfioguard.serve.telling.log import Trouble
from vfioguard.serve.telling.log_lines import LogTeller
from vfioguard.serve.telling.state_files import StateFiles, default_directory
from vfioguard.serve.telling.systemd import Notifier
from vfioguard.serve.web import Opened, Web, opened
from vfioguard.typed import NamedTuple

#: Seconds for which a thread may keep the interpreter. By default it is 5 ms. A reading asks for
#: the interpreter after each of its system calls, and so does the loop.
_SWITCH = 0.0002

_log = logging.getLogger("vfioguard")


class Followed(NamedTuple):
    """The host to follow, by the settings of `vfioguard serve` (cli/settings/table.py).

    `uevents` is "kernel", "udev" or "off".
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
    teller: ChangeTeller
    notifier: Notifier


def serve(settings: Web, host: Followed) -> None:
    """Follow `host`, and serve until SIGTERM or SIGINT.

    Raises `CannotOpen`, and `CannotListen` before the host is read.
    """
    sys.setswitchinterval(_SWITCH)
    arenas.keep_one()
    patience = Patience(Marks(directory(), host.root))
    reader = HostReader(host.root, Choice(host.policy), host.tables, patience=patience)
    teller = _teller(host)
    with opened(settings) as web:
        asyncio.run(_serve(web, host, reader, teller))


async def _serve(web: Opened, host: Followed, reader: HostReader, teller: ChangeTeller) -> None:
    parts = compose(web, host, reader, teller)

    def stop() -> None:
        parts.notifier.stopping()
        teller.hub.close()
        parts.server.stop()

    def reload() -> None:
        parts.notifier.reloading()
        parts.backlog.tell(RELOAD)

    loop = asyncio.get_running_loop()
    for number, handler in (signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, reload):
        loop.add_signal_handler(number, handler)
    parts.senses.start()
    gc.freeze()  # the modules stay, so no collection needs to look at them again
    tasks = [
        asyncio.create_task(parts.follower.run()),
        asyncio.create_task(parts.notifier.feed()),
        asyncio.create_task(teller.run()),
    ]
    for task in tasks:
        task.add_done_callback(partial(_ended, parts.server))
    try:
        await parts.server.serve(web.listeners.sockets)
    finally:
        parts.senses.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def compose(web: Opened, host: Followed, reader: HostReader, teller: ChangeTeller) -> Parts:
    """Make the parts of the daemon. Call it within the event loop, as they make futures."""
    notifier = Notifier()
    backlog = Backlog(reader.patience)
    senses = Senses(backlog.tell, host.uevents, running=reader.running)
    latest = Latest(
        policy_names(),
        min(host.intervals),
        doubts=(backlog.doubt, senses.blind),
    )
    follower = Follower(
        _read(reader, teller), backlog, latest, host.intervals, _hooks(notifier, teller)
    )
    connections = Connections(web.limits, told=web.access.malformed)
    counted = (
        partial(counts.of_senses, senses),
        partial(counts.of_reader, reader),
        partial(counts.of_connections, connections),
    )
    probes = Probes(lambda: latest.stale() is None, web.access)
    server = Server(
        build(latest, teller, web.admission, counted, _host(reader)),
        connections,
        web.tls,
        Probed(probes, web.probes.sockets),
    )
    return Parts(
        server=server,
        backlog=backlog,
        senses=senses,
        follower=follower,
        teller=teller,
        notifier=notifier,
    )


def _host(reader: HostReader) -> str:
    """The name of the host; "" if another one is read."""
    return printable(os.uname().nodename) if reader.running else ""


def _read(reader: HostReader, teller: ChangeTeller) -> Callable[[Hint], Scan]:
    """The function that reads the host, and adds the holders and the previous boot's finding."""
    # Only the running host has processes that can hold a group.
    holders = (
        Holders(partial(open_root, "/", door=reader.patience.door)) if reader.running else None
    )

    def read(hint: Hint) -> Scan:
        scan = reader.read(hint)
        report = teller.history.add(scan.report)
        if holders is not None:
            report = holders.add(report)
        return scan._replace(report=report)

    return read


def _teller(host: Followed) -> ChangeTeller:
    """The teller of changes. It keeps the state in the directory that is set, or in systemd's."""
    state_directory = host.state_directory or default_directory(os.environ)
    journal = Journal() if is_stderr(os.environ) else None
    boot = value_or(boot_id.read(open_root(host.root)), None)
    files = StateFiles(state_directory) if state_directory else None
    return ChangeTeller(boot, files, LogTeller(journal))


def _ended(server: Server, task: asyncio.Task[None]) -> None:
    """Stop the server if a task failed, whose error is raised at the end: no half of a daemon."""
    if not task.cancelled() and task.exception() is not None:
        server.stop()


def _hooks(notifier: Notifier, teller: ChangeTeller) -> Hooks:
    """The hooks that tell of each reading: the teller of changes, the log, and systemd."""
    told = ""
    shown: Report | None = None
    trouble = Trouble("the host is read again")

    def settled(report: Report) -> None:
        nonlocal told, shown
        trouble.gone()
        if shown is None:
            gc.freeze()  # most of the first reading's groups stay as well
        known = told and shown is not None and _same_outcomes(shown, report)
        if not known and (summary := wording.summary(report)) != told:
            _log.info("%s", summary)
            told = summary
        shown = report
        notifier.ready(told)

    def failed(failure: Failed) -> None:
        nonlocal told
        text = f"the host could not be read: {failure.why}"
        trouble.here(f"{text}{failure.place}", kind=failure.kind)
        told = ""
        notifier.failed(text)

    def stuck(reason: str) -> None:
        nonlocal told
        _log.error("%s", reason)
        told = ""
        notifier.ready(reason)  # the daemon answers 503; a restarted one would give no answer

    return Hooks(served=teller.published, settled=settled, failed=failed, stuck=stuck)


def _same_outcomes(before: Report, after: Report) -> bool:
    """Whether each group has the same outcome as before, so that nothing has to be counted."""
    differ = unchanged.differing(before.groups, after.groups)
    return differ is not None and all(
        before.groups[place].outcome is after.groups[place].outcome for place in differ
    )
