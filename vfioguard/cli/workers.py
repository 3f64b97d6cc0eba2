"""A bounded number of processes, each of which does one piece of work at a time.

A piece that ends its process, or takes too long, costs that piece alone. The processes end when the
parent does, however it ends: each then reads the end of its pipe.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from vfioguard.typed import Generic, NamedTuple, TypeVar

Done = TypeVar("Done")


class Lost(NamedTuple):
    """Why a piece of work has no result, in one line."""

    why: str


class _Worker(NamedTuple):
    """A process, our end of its pipe, what it works at, and since when, in monotonic seconds."""

    process: ForkProcess
    pipe: Connection
    piece: str
    since: float


class Workers(Generic[Done]):
    """Does pieces of work, which are named by strings, with `work`, in up to `number` processes.

    `work` is called in a fork of this process, so it may be anything. What it returns is pickled.
    `patience` are the seconds that a piece may take.
    """

    def __init__(self, work: Callable[[str], Done], number: int, patience: float) -> None:
        self._work = work
        self._number = number
        self._patience = patience
        self._fork = multiprocessing.get_context("fork")
        self._busy: dict[Connection, _Worker] = {}

    def results(self, pieces: Iterable[str]) -> Generator[tuple[str, Done | Lost], None, None]:
        """Each piece with its result, as they are done. Ends all processes when it is closed."""
        left = iter(pieces)
        try:
            for piece in left:
                self._start(piece)
                if len(self._busy) >= self._number:
                    break
            while self._busy:
                for worker, result in self._next():
                    yield worker.piece, result
                    following = next(left, None)
                    if following is None:
                        self._end(worker)
                    elif isinstance(result, Lost):
                        self._end(worker)
                        self._start(following)
                    else:
                        self._give(worker, following)
        finally:
            for worker in list(self._busy.values()):
                self._end(worker, at_once=True)

    def _next(self) -> Iterator[tuple[_Worker, Done | Lost]]:
        """What is done. Waits until something is, or until a piece took too long."""
        oldest = min(worker.since for worker in self._busy.values())
        ready = wait(list(self._busy), max(0.0, oldest + self._patience - time.monotonic()))
        for pipe in ready:
            assert isinstance(pipe, Connection)
            worker = self._busy[pipe]
            try:
                result: Done | Lost = pipe.recv()
            except (EOFError, ConnectionResetError):
                worker.process.join()
                result = Lost(f"the process that judged it ended: {_status(worker.process)}")
            yield worker, result
        now = time.monotonic()
        for worker in list(self._busy.values()):
            if worker.pipe not in ready and now - worker.since >= self._patience:
                yield worker, Lost(f"not judged within {self._patience:g} seconds")

    def _start(self, piece: str) -> None:
        ours, theirs = self._fork.Pipe()
        inherited = [ours, *self._busy]
        process = self._fork.Process(
            target=_child, args=(self._work, theirs, inherited), daemon=True
        )
        process.start()
        theirs.close()
        self._give(_Worker(process=process, pipe=ours, piece=piece, since=0.0), piece)

    def _give(self, worker: _Worker, piece: str) -> None:
        self._busy[worker.pipe] = worker._replace(piece=piece, since=time.monotonic())
        with suppress(BrokenPipeError):  # it has ended: the next recv() says so
            worker.pipe.send(piece)

    def _end(self, worker: _Worker, *, at_once: bool = False) -> None:
        """End a process that has nothing to do, or whose result nobody waits for."""
        del self._busy[worker.pipe]
        worker.pipe.close()
        if at_once or worker.process.is_alive():
            worker.process.kill()
        worker.process.join(1.0)  # one that sleeps in the kernel does not end; nobody waits for it


def _child(
    work: Callable[[str], object], pipe: Connection, inherited: Iterable[Connection]
) -> None:
    """Do pieces of work until the parent closes the pipe or ends."""
    # A terminal interrupts all processes: it is the parent that ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in inherited:  # else a pipe would have a reader when the parent has ended
        each.close()
    gc.enable()  # off for commands that live for milliseconds (cli/__init__.py)
    while True:
        try:
            piece = pipe.recv()
            try:
                result = work(piece)
            except MemoryError:
                result = Lost("there is not enough memory for it")
            pipe.send(result)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _status(process: ForkProcess) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"status {code}"
