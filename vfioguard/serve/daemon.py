"""The process: sockets, what follows the host, signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vfioguard import unchanged, wording
from vfioguard.report import Report
from vfioguard.serve import counts
from vfioguard.serve.answer.latest import Latest, Scan
from vfioguard.serve.connection.server import Server
from vfioguard.serve.follower import Follower, Hooks, Intervals
from vfioguard.serve.host.reader import Reader
from vfioguard.serve.senses.hint import RELOAD, News
from vfioguard.serve.senses.senses import Senses
from vfioguard.serve.telling.change_teller import Follow
from vfioguard.serve.telling.log import Trouble
from vfioguard.serve.telling.systemd import Notifier
from vfioguard.serve.web import Opened, Web, opened

#: Seconds for which a thread keeps the interpreter, which is 5 ms otherwise: a reading asks for it
#: after each of its system calls, and so does the loop.
_SWITCH = 0.0002

_log = logging.getLogger("vfioguard")


class Host(NamedTuple):
    """What is followed: `read` is the reader's, with what history and other processes add to it.

    `uevents` are "kernel", "udev" or "off".
    """

    reader: Reader
    read: Callable[[News], Scan]
    intervals: Intervals
    uevents: str


def serve(web: Web, latest: Latest, follow: Follow, host: Host) -> None:
    """Serve until SIGTERM or SIGINT, and follow the host.

    Raises `CannotListen` before the host is read.
    """
    sys.setswitchinterval(_SWITCH)
    with opened(web) as face:
        asyncio.run(_serve(face, latest, follow, host))


async def _serve(face: Opened, latest: Latest, follow: Follow, host: Host) -> None:
    notifier = Notifier()
    hooks = _hooks(notifier)
    follower = Follower(host.read, latest, host.intervals, hooks, host.reader.patience)
    senses = Senses(follower.tell, host.uevents, running=host.reader.running)
    latest.blind, latest.behind = senses.blind, follower.behind
    latest.counts += [partial(counts.of_senses, senses), partial(counts.of_reader, host.reader)]
    server = face.server(latest, follow)

    def stop() -> None:
        notifier.stopping()
        follow.hub.close()
        server.stop()

    def reload() -> None:
        notifier.reloading()
        follower.tell(RELOAD)

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


def _ended(server: Server, task: asyncio.Task[None]) -> None:
    """Better no daemon than half of one: what a task raises is raised once the server has ended."""
    if not task.cancelled() and task.exception() is not None:
        server.stop()


def _hooks(notifier: Notifier) -> Hooks:
    """What is told of each reading, to the log and to systemd."""
    told = ""
    shown: Report | None = None
    trouble = Trouble("the host is read again")

    def published(report: Report) -> None:
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

    return Hooks(published, failed, stuck)


def _same_outcomes(one: Report, other: Report) -> bool:
    """Whether each group's is the same, so that nothing need be counted."""
    differ = unchanged.differing(one.groups, other.groups)
    return differ is not None and all(
        one.groups[at].outcome is other.groups[at].outcome for at in differ
    )
