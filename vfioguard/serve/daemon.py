"""The process: sockets, the rescan on a timer, signals, and a log of one line per event."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from vfioguard import wording
from vfioguard.serve.follow_changes import Follow
from vfioguard.serve.latest import Latest, Scan
from vfioguard.serve.notify import Notifier
from vfioguard.serve.web import Opened, Web, opened

_log = logging.getLogger("vfioguard")


class _OneLine(logging.Formatter):
    """Every record is one line: an exception is its message and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().strip()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {describe_error(record.exc_info[1])}"
        return "vfioguard: " + " | ".join(text.splitlines())


def serve(web: Web, latest: Latest, follow: Follow, scan: Callable[[], Scan], every: float) -> None:
    """Serve until SIGTERM or SIGINT; reads the host with `scan` every `every` seconds.

    Raises `CannotListen` before the host is read.
    """
    with opened(web) as face:
        asyncio.run(_serve(face, latest, follow, scan, every))


async def _serve(
    face: Opened, latest: Latest, follow: Follow, scan: Callable[[], Scan], every: float
) -> None:
    server = face.server(latest, follow)
    notifier, now = Notifier(), asyncio.Event()

    def stop() -> None:
        notifier.stopping()
        follow.hub.close()
        server.stop()

    def reload() -> None:
        notifier.reloading()
        now.set()

    loop = asyncio.get_running_loop()
    for number, handler in (signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, reload):
        loop.add_signal_handler(number, handler)
    tasks = [
        asyncio.create_task(rescan(latest, scan, every, notifier, now)),
        asyncio.create_task(notifier.feed(latest.stale)),
        asyncio.create_task(follow.run()),
    ]
    try:
        await server.serve(face.listeners.sockets)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def rescan(
    latest: Latest,
    scan: Callable[[], Scan],
    every: float,
    notifier: Notifier,
    now: asyncio.Event,
) -> None:
    """Read the host for ever, in a thread; a reading that fails ends nothing but itself.

    `now` asks for a reading before its time.
    """
    told = ""
    while True:
        now.clear()
        try:
            found = await asyncio.to_thread(scan)
            view = await asyncio.to_thread(latest.render, found.report)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may succeed
            reason = describe_error(error)
            latest.fail(reason)
            _log.error("the host could not be read: %s", reason)
            told = ""
            notifier.failed(f"the host could not be read: {reason}")
        else:
            latest.publish(found, view)
            if (summary := wording.summary(found.report)) != told:
                _log.info("%s", summary)
                told = summary
            notifier.ready(summary)
        with suppress(TimeoutError):
            await asyncio.wait_for(now.wait(), every)


def describe_error(error: BaseException) -> str:
    """What went wrong and where, in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def log_to_stderr() -> None:
    """One line for each record, before anything else of the daemon has something to say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    _log.setLevel(logging.INFO)
