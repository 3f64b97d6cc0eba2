"""The process that the shell waits for never reads a host.

A thread that reads may sleep in the kernel for ever (root/patience.py). A process with such a
thread does not end, not even by SIGKILL: its parent hears of the end when the last thread has left
(kernel/exit.c exit_notify(), thread_group_empty() (6.12.118)). So a child does the work. If it
cannot end, it says by a pipe that it is done. It is forked before anything is imported, while there
is least to copy.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

#: Seconds that an interrupted parent waits for its child, as a terminal interrupts both.
_INTERRUPTED = 0.3
#: The first byte that the child writes, before its status: it ends at once, or it cannot end.
_ENDS, _STAYS = 1, 2
#: The status if the child did not tell one.
_UNKNOWN = 3


class Work:
    """The process that does the work, and the pipes to the parent that stands by.

    `hung` gets the paths at which a thread still hangs. `done` is the pipe for the status, `alive`
    a pipe that closes when the parent ends. Both are None if no parent stands by.
    """

    def __init__(self, done: int | None = None, alive: int | None = None) -> None:
        self.hung: list[str] = []
        self.done = done
        self.alive = alive

    def end(self, status: int) -> NoReturn:
        """End the process with this status, or tell the parent the status if it cannot end."""
        if self.hung:
            # A thread that cannot end keeps files open: the reader of our output would wait.
            null = os.open(os.devnull, os.O_RDWR)
            for standard in 0, 1, 2:
                os.dup2(null, standard)
        if self.done is not None:
            try:
                os.write(self.done, bytes([_STAYS if self.hung else _ENDS, status]))
            except BrokenPipeError:  # the parent has ended
                os._exit(status)
        os._exit(status)

    def pause(self, seconds: float) -> bool:
        """Wait. Returns False, and sooner, if the parent has ended."""
        from select import select

        watched = [] if self.alive is None else [self.alive]
        return not select(watched, (), (), seconds)[0]


def fork(arguments: list[str]) -> Work:
    """Fork. The child returns; the parent waits for it and ends with its status.

    No parent stands by if the command reads nothing that could hang, or if fork fails.
    """
    if not _reads(arguments):
        return Work()
    pipes: list[int] = []
    try:
        pipes += os.pipe()
        pipes += os.pipe()
        child = os.fork()
    except OSError:  # better to hang some day than not to answer now
        for end in pipes:
            os.close(end)
        return Work()
    done, tell, alive, hold = pipes
    if child:
        os.close(tell)
        os.close(alive)
        _end_like(child, done)
    os.close(done)
    os.close(hold)
    return Work(tell, alive)


def _reads(arguments: list[str]) -> bool:
    """Whether the command may read a host that could hang. A capture cannot hang.

    Every verb reads a host but `serve`, which stands by for itself (serve/host/worker.py).
    """
    verb = arguments[0] if arguments else ""
    if verb == "serve":
        return "--self-test" in arguments
    return verb[:1] not in {"", "-"} and not any(
        flag == "--root" and os.path.isfile(path)
        for flag, path in zip(arguments, arguments[1:], strict=False)  # noqa: RUF007 - no import
    )


def _end_like(child: int, done: int) -> NoReturn:
    told = bytearray(2)  # filled by the call itself: an interrupt may take what a call returns
    while True:
        try:
            if not told[0]:
                os.readv(done, [told])
            if told[0] != _STAYS:
                _wait(child, told=bool(told[0]))
            os._exit(told[1])
        except KeyboardInterrupt:
            _interrupt(child, done)


def _wait(child: int, *, told: bool) -> None:
    """Wait until the child has ended. If it told no status, end as it did."""
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except ChildProcessError:  # our parent ignores SIGCHLD, or an interrupt came between
        status = _UNKNOWN
    if told:
        return
    if status >= 0:  # Python itself ended it: 1 and 2 are not verdicts then
        os._exit(_UNKNOWN)
    if status == -2:  # SIGINT, which would only interrupt us
        from signal import SIG_DFL, SIGINT, signal

        signal(SIGINT, SIG_DFL)
    os.kill(os.getpid(), -status)
    os._exit(128 - status)  # as a shell says it, if the signal did not end us


def _interrupt(child: int, done: int) -> None:
    """Interrupt the child if it was not interrupted itself: the signal may be for us alone."""
    from select import select
    from signal import SIGINT

    try:
        if select([done], (), (), _INTERRUPTED)[0]:
            return
    except KeyboardInterrupt:
        pass
    try:
        os.kill(child, SIGINT)
    except ProcessLookupError:
        return
