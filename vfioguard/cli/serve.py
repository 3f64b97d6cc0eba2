"""`vfioguard serve`: the daemon."""

from __future__ import annotations

import argparse

from vfioguard import evaluate
from vfioguard.cli.parser import DEFAULT_ADDRESS
from vfioguard.cli.run import Failure


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, either of which is a success."""
    # FastAPI and uvicorn take half a second, so not before this verb was chosen.
    from vfioguard.serve.address import CannotListen
    from vfioguard.serve.daemon import serve
    from vfioguard.serve.latest import Latest
    from vfioguard.serve.scan import scanner

    latest = Latest(evaluate.policy_names(), options.interval)
    scan = scanner(options.root, options.policy)
    try:
        serve(options.listen or [DEFAULT_ADDRESS], latest, scan, options.interval)
    except CannotListen as error:
        raise Failure(str(error)) from error
    return 0
