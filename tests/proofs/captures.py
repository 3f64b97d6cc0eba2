"""What hostile captures cost: python -m tests.proofs.captures [--all] [WORD ...].

Each shape is written as large as the limits of a capture let it and reported as JSON. With `--all`,
a quarter of an hour, it is written twice more so that it is judged: as many entries as a list of
groups may have names, and as many as so many groups with all that belongs to them; and reported as
text too. Whatever is in it, it is refused or judged in less than 10 seconds of CPU and 300 MiB,
which is measured of the real command. The seconds are those of a machine on which a bare
interpreter takes 14.5 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from tests.support import attacks
from vfioguard.root.capture import LIMITS
from vfioguard.root.memory import MAX_NAMES

_CPU, _MIB = 10.0, 300
#: CPU seconds of a bare interpreter where `_CPU` was set. A machine on which it takes longer is
#: slower by so much, and its bound is larger.
_BARE = 0.0145
#: A little less than the limits, as the end of an archive counts too.
_KEPT = int(LIMITS.kept * 0.99)
_SIZES = (int(LIMITS.members * 0.99), 10 * MAX_NAMES, MAX_NAMES)
_COMMANDS = (("report", "--output", "json"), ("report",))
_TABLES = ("firmware",)
#: A process of its own: what a child takes at least is what its parent had.
_MEASURE = """
import json, os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime,
                  used.ru_maxrss / 1024]), file=sys.stderr)
"""


class Cost(NamedTuple):
    """Exit status, CPU seconds, MiB, what the command said, and how slow the machine was."""

    status: int
    cpu: float
    mib: float
    said: str
    slow: float

    @property
    def kept(self) -> bool:
        """Whether it answered, within the bounds."""
        return self.status in {0, 1, 2, 3} and self.cpu < _CPU * self.slow and self.mib < _MIB


def cost(*arguments: str) -> Cost:
    """What a command takes. It is measured again if that seems too much: other work adds."""
    for _ in range(3):
        found = _cost(*arguments)
        if found.kept:
            return found
    return _cost(*arguments)


def slowness() -> float:
    """How much slower than the machine of `_BARE` this one is now; at least 1."""
    bare = [_measured(sys.executable, "-c", "pass")[1] for _ in range(5)]
    return max(1.0, median(bare) / _BARE)


def _cost(*arguments: str) -> Cost:
    slow = slowness()
    return Cost(*_measured(sys.executable, "-m", "vfioguard", *arguments), slow)


def _measured(*what: str) -> tuple[int, float, float, str]:
    command = [sys.executable, "-c", _MEASURE, *what]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    *said, last = done.stderr.decode(errors="replace").splitlines()
    status, cpu, mib = json.loads(last)
    return status, cpu, mib, " ".join(said)


def measured(path: str, wanted: list[str], *, all_: bool) -> Iterator[tuple[str, Cost]]:
    commands, sizes = (_COMMANDS, _SIZES) if all_ else (_COMMANDS[:1], _SIZES[:1])
    for name, shape in attacks.SHAPES.items():
        if wanted and not any(word in name for word in wanted):
            continue
        asked = (*commands, _TABLES) if name in attacks.OF_TABLES else commands
        for most in sizes:
            held = attacks.write(path, shape(), _KEPT, most)
            for verb, *options in asked:
                found = cost(verb, "--root", path, *options)
                yield f"{name}, {held} names: {' '.join((verb, *options))}", found
    for name, make in attacks.archives().items():
        if wanted and not any(word in name for word in wanted):
            continue
        with open(path, "wb") as out:
            make(out)
        yield name, cost("report", "--root", path)


def main() -> None:
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        words = [word for word in sys.argv[1:] if word != "--all"]
        every = "--all" in sys.argv
        for name, found in measured(f"{directory}/host.tar.gz", words, all_=every):
            mark = "" if found.kept else "  TOO MUCH"
            failed += not found.kept
            bound = f"{found.cpu:5.1f} s of {_CPU * found.slow:4.1f}, {found.mib:4.0f} MiB"
            print(f"{bound}  {name}{mark}  {found.said[-90:]}")
            sys.stdout.flush()
    sys.exit(f"{failed} beyond their seconds or {_MIB} MiB" if failed else 0)


if __name__ == "__main__":
    main()
