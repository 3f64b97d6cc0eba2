"""Reads that do not return, by threads that sleep where they say that they read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vfioguard.root.marks import Marks
from vfioguard.root.patience import Door, NoAnswer, Patience
from vfioguard.root.tree import Tree

HUNG = "/sys/bus/pci/devices/0000:01:00.0/uevent"


class Device:
    """What hangs until it is released; `reads` counts."""

    def __init__(self) -> None:
        self.reads = 0
        self._released = threading.Event()

    def release(self) -> None:
        self._released.set()

    def read(self, door: Door, path: str) -> str:
        door.place[0] = ""
        door.place[1] = path
        self.reads += 1
        self._released.wait(30)
        door.leave()
        return path


@pytest.fixture
def device() -> Iterator[Device]:
    found = Device()
    yield found
    found.release()


class Closing:
    """A root that says which paths are closed: what a door is `around`."""

    def __init__(self, door: Door) -> None:
        self._root = door.around(Tree("/"))

    def closed(self, path: str) -> bool:
        try:
            self._root.read(path)
        except TimeoutError:
            return True
        except OSError:
            return False
        return False


def once(device: Device, *paths: str) -> Callable[[Door], list[str]]:
    """Reads those of the paths that are not closed."""

    def call(door: Door) -> list[str]:
        closing = Closing(door)
        return [device.read(door, path) for path in paths if not closing.closed(path)]

    return call


def test_what_answers_is_answered() -> None:
    assert Patience().run(lambda _: 7) == 7


def test_what_is_raised_is_raised() -> None:
    def fail(_: Door) -> None:
        raise FileNotFoundError("no")

    with pytest.raises(FileNotFoundError, match="no"):
        Patience().run(fail)


def test_a_read_that_does_not_return_is_left_out(device: Device) -> None:
    patience = Patience()
    began = time.monotonic()
    assert patience.run(once(device, HUNG)) == []
    assert 0.5 < time.monotonic() - began < 5
    assert patience.hung == (HUNG,)
    assert (patience.given_up, device.reads) == (1, 1)


def looks_until_given_up(device: Device, path: str) -> int:
    patience = Patience()

    def read() -> None:
        patience.begin()
        with suppress(IndexError):  # it was given up
            device.read(patience.door, path)

    threading.Thread(target=read).start()
    while patience.door.place[1] != path or patience.moves:
        patience.look()
    return sum(1 for _ in iter(patience.look, path))


def test_a_number_that_the_kernel_keeps_back_while_it_changes_is_waited_for(device: Device) -> None:
    changing = HUNG.replace("uevent", "sriov_numvfs")
    assert looks_until_given_up(device, HUNG) < 9
    assert looks_until_given_up(device, changing) > 40


def test_the_next_reading_leaves_it_out_at_once(device: Device) -> None:
    patience = Patience()
    patience.run(once(device, HUNG))
    patience.run(once(device, HUNG))
    assert device.reads == 1


def test_what_has_returned_is_read_again(device: Device) -> None:
    patience, answered = Patience(), threading.Event()
    patience.answered = lambda path: answered.set() if path == HUNG else None
    patience.run(once(device, HUNG))
    device.release()
    assert answered.wait(10)
    assert patience.hung == ()
    assert patience.run(once(device, HUNG)) == [HUNG]


def test_a_host_whose_reads_are_slow_is_read_to_its_end() -> None:
    paths = ["/sys/a", "/sys/b", "/sys/c"]

    def call(door: Door) -> list[str]:
        closing, read = Closing(door), list[str]()
        for path in paths:
            if not closing.closed(path):
                door.place[0] = ""
                door.place[1] = path
                time.sleep(1.3)
                read.append(path)
        return read

    patience = Patience()
    assert set(patience.run(call)) < set(paths)
    assert patience.given_up <= len(paths)


def test_no_more_threads_are_left_behind_than_are_allowed(device: Device) -> None:
    patience = Patience(most=1)
    with pytest.raises(NoAnswer, match="2 reads do not return: /proc/b"):
        patience.run(once(device, "/proc/a", "/proc/b"))
    assert patience.hung == ("/proc/a",)


def test_a_thread_that_works_is_not_given_up() -> None:
    def work(door: Door) -> bool:
        door.place[1] = HUNG
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            pass
        return True

    patience = Patience()
    assert patience.run(work)
    assert patience.given_up == 0


def test_a_thread_between_readings_is_not_given_up() -> None:
    def judge(door: Door) -> bool:
        door.place[1] = HUNG
        door.leave()
        time.sleep(1.5)
        return True

    patience = Patience()
    assert patience.run(judge)
    assert patience.given_up == 0


def test_a_thread_that_was_given_up_reads_nothing_more(device: Device) -> None:
    patience, ended = Patience(), threading.Event()
    seen: list[BaseException] = []

    def call(door: Door) -> None:
        if not patience.hung:
            try:
                device.read(door, HUNG)
            except BaseException as error:
                seen.append(error)
                ended.set()
                raise

    patience.run(call)
    device.release()
    assert ended.wait(10)
    assert isinstance(seen[0], IndexError)


def test_where_a_reader_is_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/one").write_text("1")
    place = ["", ""]
    tree = Tree(str(tmp_path), place)
    tree.read("/sys/one")
    assert place == ["", "/sys/one"]
    tree.listdir("/sys")
    assert place == ["", "/sys"]


def test_a_directory_of_the_running_host_notes_the_same() -> None:
    place = ["", ""]
    below = Tree("/", place).under("/proc/self")
    below.read("statm")
    assert "".join(place) == "/proc/self/statm"
    below.listdir("task")
    assert "".join(place) == "/proc/self/task"
    below.readlink("exe")
    assert "".join(place) == "/proc/self/exe"


def test_other_processes_learn_what_hangs_and_when_it_does_not(
    device: Device, tmp_path: Path
) -> None:
    home = str(tmp_path / "marks")
    patience = Patience(Marks(home, "/"))
    patience.run(once(device, HUNG))
    other = Patience(Marks(home, "/"))
    assert other.elsewhere == {HUNG}
    assert Closing(other.door).closed(HUNG)
    done = threading.Event()
    patience.answered = lambda _: done.set()
    device.release()
    assert done.wait(10)
    assert other.released() == {HUNG}
    assert not Closing(other.door).closed(HUNG)
