"""Gives up a read that never returns: a dead device's attribute can hold its reader for ever.

Such a thread sleeps in the kernel (D), where no signal ends it. So a host is read in a thread that
notes where it is, and who waits for it looks there now and then. A thread that stands still is left
behind, and another one reads the host anew without that path, which fails with ETIMEDOUT from then
on, and costs its one fact.
"""

import _thread
import time
from collections.abc import Callable
from typing import TypeVar

from vfioguard.root import Place, Root
from vfioguard.root.marks import Marks

T = TypeVar("T")

#: Seconds between two looks.
TICK = 0.2
#: Looks for which a reader sleeps at one place until it is given up: a second; ten on a disk.
_LOOKS, _LOOKS_AT_DISK = 4, 50
_STANDS = 2
_KERNEL = ("/sys/", "/proc/", "/dev/")
#: Reads that may be given up at once. With one more that hangs, nothing more is tried.
MOST = 8


class Door:
    """How one thread reads: it notes its `place`, and leaves out the paths that are `closed`."""

    def __init__(self, closed: frozenset[str] = frozenset(), place: Place | None = None) -> None:
        self.place = ["", ""] if place is None else place
        self._closed = closed

    def around(self, host: Root) -> Root:
        """The host without what is closed: itself where nothing is."""
        if not self._closed:
            return host
        from vfioguard.root.closed import Closed

        return Closed(host, self._closed)

    def leave(self) -> None:
        """Nothing is read for now. Raises IndexError where the thread was given up."""
        self.place[1] = ""


class NoAnswer(Exception):
    """More reads hang than are given up; the message is one line."""


class Patience:
    """What one process knows of reads that do not return. `door` is that of the thread that reads.

    `given_up` counts them; `answered` is called, by the thread that was held, when one has returned
    after all. Two threads share it: one that reads, one that waits. `marks` tell other processes.
    """

    def __init__(self, marks: Marks | None = None, most: int = MOST) -> None:
        self._marks = marks or Marks(None, "/")
        #: The paths that hang in other processes.
        self.elsewhere = self._marks.others()
        self.door = Door(self.elsewhere)
        self.given_up = 0
        self.answered: Callable[[str], None] | None = None
        self._most = most
        self._hung: dict[int, str] = {}
        self._lock = _thread.allocate_lock()
        self._thread = 0
        self._seen: tuple[str, ...] = ()
        self._looks = 0
        # Looks for which any reader may sleep, and one at a path that has returned late before.
        self._least = _LOOKS
        self._late: dict[str, int] = {}
        self._since: dict[str, float] = {}

    @property
    def hung(self) -> tuple[str, ...]:
        """The paths whose read was given up and has not returned."""
        return tuple(self._hung.values())

    def _closed(self) -> frozenset[str]:
        return self.elsewhere.union(self.hung)

    @property
    def moves(self) -> bool:
        """Whether the reader was seen at another place lately."""
        return self._looks < _STANDS

    @property
    def stuck(self) -> str | None:
        """The path at which the reader sleeps, where it cannot be given up: too many are."""
        return "".join(self._seen) if self._looks >= self._needed() else None

    def begin(self) -> None:
        """A reading begins in this thread."""
        self._seen, self._looks = (), 0
        self._thread = _thread.get_native_id()

    def look(self) -> str | None:
        """Called every TICK seconds by who waits for a reading: the path if it is given up now."""
        seen = tuple(self.door.place)
        # The same object: between two looks at equal names there may be a whole reading.
        same = len(self._seen) == 2 and all(a is b for a, b in zip(seen, self._seen, strict=True))
        self._looks = self._looks + 1 if same and seen[1] and _sleeps(self._thread) else 0
        self._seen = seen
        if self._looks < self._needed() or len(self._hung) >= self._most:
            return None
        return self._give_up("".join(seen))

    def _needed(self) -> int:
        path = "".join(self._seen)
        if not path.startswith(_KERNEL):
            return _LOOKS_AT_DISK
        return max(self._least, self._late.get(path, 0))

    def _learn(self, path: str) -> None:
        """It was slow, not dead: wait longer for it, and for all if it was barely late.

        Else a slow host would be read anew for ever, each time without another path.
        """
        needed = max(self._least, self._late.get(path, 0))
        self._late[path] = min(2 * needed, _LOOKS_AT_DISK)
        if time.monotonic() - self._since.pop(path) < needed * TICK:
            self._least = self._late[path]

    def _give_up(self, path: str) -> str:
        with self._lock:
            self.door.place.clear()
            self._hung[self._thread] = path
            self._since[path] = time.monotonic()
            self.door = Door(self._closed())
        self._marks.put(path)
        self.given_up += 1
        self._seen, self._looks = (), 0
        return path

    def returned(self) -> bool:
        """Called by a thread that has ended its work: whether it had been given up."""
        with self._lock:
            path = self._hung.pop(_thread.get_native_id(), None)
            if path is None:
                self._seen, self._looks = (), 0
                return False
            if path in self._since:
                self._learn(path)
            self.door = Door(self._closed(), self.door.place)
        self._marks.drop(path)
        if self.answered is not None:
            self.answered(path)
        return True

    def released(self) -> frozenset[str]:
        """The paths that hung elsewhere, and do not any more: they are read again."""
        found = self.elsewhere - self._marks.others()
        if found:
            with self._lock:
                self.elsewhere -= found
                self.door = Door(self._closed(), self.door.place)
        return found

    def run(self, call: Callable[[Door], T]) -> T:
        """The call's answer, or what it raised; made anew whenever a read was given up.

        Raises `NoAnswer`. Where an interrupt ends it, what the thread reads counts as hung.
        """
        if self.elsewhere:
            self.released()
        try:
            return self._run(call)
        except KeyboardInterrupt:
            self._hung[self._thread] = "".join(self.door.place)
            raise

    def _run(self, call: Callable[[Door], T]) -> T:
        while True:
            answers: list[T] = []
            errors: list[BaseException] = []
            ended = self._started(call, answers, errors)
            while not ended.acquire(timeout=TICK):
                if self.look() is not None:
                    break
                if self.stuck is not None:
                    raise NoAnswer(f"{self.given_up + 1} reads do not return: {self.stuck}")
            else:
                if errors:
                    raise errors[0]
                return answers[0]

    def _started(
        self, call: Callable[[Door], T], answers: list[T], errors: list[BaseException]
    ) -> _thread.LockType:
        """Make the call in a thread; its end releases the lock. `threading` costs a millisecond."""
        ended = _thread.allocate_lock()
        ended.acquire()

        def work() -> None:
            self.begin()
            try:
                answers.append(call(self.door))
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                errors.append(error)
            self.returned()
            ended.release()

        _thread.start_new_thread(work, ())
        return ended


def _sleeps(thread: int) -> bool:
    """Whether it waits in the kernel; one that the machine has no time for does not (proc(5))."""
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] != b"R"
    except OSError:
        return True
