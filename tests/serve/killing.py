"""Kills processes that write states, and looks at what they left: python -m tests.serve.killing.

A program of its own, as it forks: 500 interpreters would take minutes to start.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

from tests.support.states import state
from vfioguard.change.codec import decode
from vfioguard.change.state import State
from vfioguard.serve.telling.state_files import LAST, PREVIOUS, StateFiles

#: Seconds in which a writer is killed: a write takes one to ten milliseconds.
_WINDOW = 0.025


def numbered(number: int) -> State:
    """The one state with this number; a boot lasts for seven of them."""
    groups = {group: [f"0000:{group:02x}:00.0"] for group in range(number % 60)}
    return state(groups, boot_id=f"b{number // 7}", at=str(number))


def write_for_ever(directory: str, number: int) -> NoReturn:
    files = StateFiles(directory)
    files.load(f"b{number // 7}")
    while True:
        files.save(numbered(number))
        number += 1


def main(directory: str, kills: int) -> Counter[str]:
    """Raises AssertionError or BadState where a file is not one of the states written."""
    chance = random.Random(18346)
    seen: Counter[str] = Counter()
    numbers: set[int] = set()
    for round_ in range(kills):
        child = os.fork()
        if child == 0:
            write_for_ever(directory, round_ * 1000 + chance.randrange(500))
        chance.random()  # the child took the same one
        time.sleep(chance.uniform(0, _WINDOW))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the writer failed by itself"
        for name in (LAST, PREVIOUS):
            path = Path(directory) / name
            if not path.exists():
                assert not seen[name], "a file that was there is gone"
                continue
            seen[name] += 1
            found = decode(path.read_bytes())
            assert found == numbered(int(found.at)), "no state that was written"
            numbers.add(int(found.at))
        left = list(Path(directory).glob(".*"))
        seen["unfinished"] += len(left)
        for path in left:
            path.unlink()
    seen["different"] = len(numbers)
    return seen


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2])), sys.stdout)
