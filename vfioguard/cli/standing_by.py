"""The process that the shell waits for never reads a host.

A thread that reads may sleep in the kernel for ever (root/patience.py), and no process with such a
thread ends, SIGKILL included: its parent is told when the last thread has left (kernel/exit.c
exit_notify(), thread_group_empty() (6.12.118)). So a child does the work, and says by a pipe that
it is done where it cannot end. It is forked before anything is imported: then there is least to
copy.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

#: Seconds for which an interrupted parent waits for its child, which a terminal interrupts as well.
_INTERRUPTED = 0.3
#: What stands before the status: the child ends at once, or cannot.
_ENDS, _STAYS = 1, 2
#: The status where the child did not tell one.
_UNKNOWN = 3


class Work:
    """What the process that does the work is asked for beside its arguments.

    `hung` gets the paths that still hold a thread at its end. Where a parent stands by, `done`
    takes the status, and whether the process can end; `alive` ends with the parent. Else they are
    None.
    """

    def __init__(self, done: int | None = None, alive: int | None = None) -> None:
        self.hung: list[str] = []
        self.done = done
        self.alive = alive

    def end(self, status: int) -> NoReturn:
        """End the process, or what the parent waits for of it."""
        if self.hung:
            # A thread that cannot end keeps open what is: whoever reads our answer would wait on.
            null = os.open(os.devnull, os.O_RDWR)
            for standard in 0, 1, 2:
                os.dup2(null, standard)
        if self.done is not None:
            try:
                os.write(self.done, bytes([_STAYS if self.hung else _ENDS, status]))
            except BrokenPipeError:  # the parent was ended
                os._exit(status)
        os._exit(status)

    def pause(self, seconds: float) -> bool:
        """Wait; False, and sooner, where the parent has ended."""
        from select import select

        watched = [] if self.alive is None else [self.alive]
        return not select(watched, (), (), seconds)[0]


def fork(arguments: list[str]) -> Work:
    """What is to be done here; the parent ends with the status of the child that does it.

    Nobody stands by where no host is read that could hang, and where no process can be made.
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
    """Until the child has ended; ends like it where it has told no status."""
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except ChildProcessError:  # SIGCHLD is ignored by who started us, or an interrupt took it
        status = _UNKNOWN
    if told:
        return
    if status >= 0:  # Python itself ended it: 1 and 2 are no verdicts then
        os._exit(_UNKNOWN)
    if status == -2:  # SIGINT, which would only interrupt us
        from signal import SIG_DFL, SIGINT, signal

        signal(SIGINT, SIG_DFL)
    os.kill(os.getpid(), -status)
    os._exit(128 - status)  # as a shell says it, where the signal did not end us


def _interrupt(child: int, done: int) -> None:
    """Tell the child, if it does not know: where only this process was sent the signal."""
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
