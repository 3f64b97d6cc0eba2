"""Give up a read that never returns: a dead device's attribute can hold its reader for ever.

Such a thread sleeps in the kernel (D), where no signal ends it. So the host is read in a thread
that notes its place, and the thread that waits for it looks there now and then. A reader that stays
at one place is left behind. Another thread reads the host again, without that path: it fails with
ETIMEDOUT from then on, which costs one fact.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable

from vfioguard.root import Place, Root
from vfioguard.root.marks import Marks
from vfioguard.typed import TypeVar

T = TypeVar("T")

#: Seconds between two looks.
TICK = 0.2
#: Looks at a reader that sleeps at one place before it is given up: a second; ten on a disk.
_LOOKS, _LOOKS_AT_DISK = 4, 50
#: Attributes that the kernel is slow to answer though nothing is wrong. sriov_numvfs_show() takes
#: the lock that a write holds: for a second in sriov_disable(), and for the time that the driver
#: takes (drivers/pci/iov.c, 6.12).
_SLOW = ("/sriov_numvfs",)
#: Looks at a reader that sleeps at one place before it counts as standing still.
_STANDS = 2
_KERNEL = ("/sys/", "/proc/", "/dev/")
#: Reads that may be given up at the same time. If one more hangs, the reading fails.
MOST = 8


class Door:
    """The way by which a thread reads: it notes its `place` and does not read `closed` paths."""

    def __init__(self, closed: frozenset[str] = frozenset(), place: Place | None = None) -> None:
        self.place = ["", ""] if place is None else place
        self._closed = closed

    def around(self, host: Root) -> Root:
        """The host without the closed paths. Returns `host` itself if no path is closed."""
        if not self._closed:
            return host
        from vfioguard.root.closed import Closed

        return Closed(host, self._closed)

    def leave(self) -> None:
        """Note that the thread reads nothing. Raises IndexError if the thread was given up."""
        self.place[1] = ""


class NoAnswer(Exception):
    """More reads hang than may be given up; the message is one line."""


class Patience:
    """Watches the reads of one process and gives up those that do not return.

    Two threads share it: one reads, one waits. `door` is the reading thread's. `given_up` counts
    the reads that were given up. If such a read returns after all, its thread calls `answered` with
    the path. `marks` tell other processes which paths hang.
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
        # Looks before any reader is given up, and those for paths that once returned late.
        self._least = _LOOKS
        self._late: dict[str, int] = {}
        self._since: dict[str, float] = {}

    @property
    def hung(self) -> tuple[str, ...]:
        """The paths whose reads were given up and have not returned."""
        return tuple(self._hung.values())

    def _closed(self) -> frozenset[str]:
        return self.elsewhere.union(self.hung)

    @property
    def moves(self) -> bool:
        """Whether the reader changed its place, or did not sleep, at the last looks."""
        return self._looks < _STANDS

    @property
    def stuck(self) -> str | None:
        """The path at which the reader sleeps if it cannot be given up, because too many were."""
        return "".join(self._seen) if self._looks >= self._needed() else None

    def begin(self) -> None:
        """Note that this thread begins a reading."""
        self._seen, self._looks = (), 0
        self._thread = _thread.get_native_id()

    def look(self) -> str | None:
        """Look at the reader. Returns its path if it is given up now, else None.

        The thread that waits for a reading calls it every TICK seconds.
        """
        seen = tuple(self.door.place)
        # Objects are compared, because between two looks at equal names may be a whole reading.
        same = len(self._seen) == 2 and all(a is b for a, b in zip(seen, self._seen, strict=True))
        self._looks = self._looks + 1 if same and seen[1] and _sleeps(self._thread) else 0
        self._seen = seen
        if self._looks < self._needed() or len(self._hung) >= self._most:
            return None
        return self._give_up("".join(seen))

    def _needed(self) -> int:
        path = "".join(self._seen)
        if not path.startswith(_KERNEL) or path.endswith(_SLOW):
            return _LOOKS_AT_DISK
        return max(self._least, self._late.get(path, 0))

    def _learn(self, path: str) -> None:
        """Wait longer for the path next time: it was slow, not dead. If barely late, for all paths.

        Otherwise a slow host would be read again for ever, each time without another path.
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
        """Note that this thread has ended its work. Returns whether it had been given up."""
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
        """The paths that no longer hang in another process. From now on they are read again."""
        paths = self.elsewhere - self._marks.others()
        if paths:
            with self._lock:
                self.elsewhere -= paths
                self.door = Door(self._closed(), self.door.place)
        return paths

    def run(self, call: Callable[[Door], T]) -> T:
        """Make the call in a thread, and make it again each time a read is given up.

        Returns the call's answer. Raises the call's exception, or NoAnswer. After a
        KeyboardInterrupt the path that the thread reads counts as hung.
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
        """Make the call in a thread. Returns a lock that is released when the call ends.

        Importing `threading` would cost a millisecond.
        """
        ended = _thread.allocate_lock()
        ended.acquire()

        def work() -> None:
            self.begin()
            try:
                answers.append(call(self.door))
            except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
                errors.append(error)
            self.returned()
            ended.release()

        _thread.start_new_thread(work, ())
        return ended


def _sleeps(thread: int) -> bool:
    """Whether the thread sleeps in the kernel; one that waits for a CPU does not (proc(5))."""
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] != b"R"
    except OSError:
        return True
