"""Read and judge the host at argv[1] once, as the commands do; print what it cost, as JSON.

CPU seconds are of this process (user and system) without interpreter start-up and imports.
"""

from __future__ import annotations

import gc
import sys
import time

from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root


def _peak() -> int:
    """VmHWM in KiB: unlike ru_maxrss it starts anew at exec."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main() -> None:
    """One round."""
    if "--gc" not in sys.argv:
        gc.disable()  # as vfioguard.cli.run does for every command but the daemon
    begin = time.process_time()
    snapshot = take(open_root(sys.argv[1]))
    taken = time.process_time()
    report = evaluate(snapshot, "")
    judged = time.process_time()
    groups = len(snapshot.groups.value) if isinstance(snapshot.groups, Fact) else 0
    allowed = sum(
        group.outcome == group.series.outcome == "allowed" and not report.gaps
        for group in report.groups
    )
    print(
        f'{{"take": {taken - begin:.6f}, "evaluate": {judged - taken:.6f}, "peak": {_peak()}, '
        f'"groups": {groups}, "allowed": {allowed}}}'
    )


if __name__ == "__main__":
    main()
