"""The command line: argparse only until a verb is chosen, then that verb's module."""

from __future__ import annotations

import gc
import os
import sys

from vfioguard import __version__
from vfioguard.cli import standing_by


def entry() -> None:
    """Run the console script and end the process.

    A command lives for milliseconds, so cycles are not collected, and the process ends without
    freeing its values, which would cost a tenth of its time. The daemon ends as Python does.
    """
    daemon = "serve" in sys.argv[1:]
    if not daemon:
        gc.disable()
    work = standing_by.fork(sys.argv[1:])
    status = _guarded(work)
    if daemon and work.done is None:
        sys.exit(status)
    work.end(status)


def _guarded(work: standing_by.Work) -> int:
    """Run the command. An error of any kind never gives the status 1 or 2: those are verdicts."""
    try:
        if sys.stdout is None or sys.stderr is None:  # our parent closed it
            if sys.stderr is not None:
                sys.stderr.write("vfioguard: cannot write the answer: standard output is closed\n")
            return 3
        status = main(None, work)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        return 3
    except KeyboardInterrupt:  # before the verb runs, or after it
        return 128 + 2
    except OSError as error:
        os.write(2, f"vfioguard: cannot write the answer: {error.strerror}\n".encode())
        return 3
    except Exception:  # noqa: BLE001 - a bug must not look like a verdict
        import traceback

        traceback.print_exc()
        return 3
    return status


def main(argv: list[str] | None = None, work: standing_by.Work | None = None) -> int:
    """Run one command and return its exit status. A usage error is 3."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:  # before argparse, which costs more than everything else here
        print(f"vfioguard {__version__}")
        return 0
    from vfioguard.cli.run import run

    return run(arguments, work or standing_by.Work())
