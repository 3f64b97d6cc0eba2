"""`vfioguard serve`: the daemon."""

from __future__ import annotations

import argparse
import sys

from vfioguard import evaluate
from vfioguard.cli import config
from vfioguard.cli.host import tables
from vfioguard.cli.run import Failure
from vfioguard.cli.settings import SETTINGS, toml


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, either of which is a success."""
    settled = config.settle(options)
    if options.config_check:
        print(config.render(settled))
        return 0
    for setting in SETTINGS:
        value, origin = settled[setting.key]
        setattr(options, setting.dest, value)
        if origin not in {config.DEFAULT, setting.flag}:  # a file must not act unseen
            print(f"vfioguard: {setting.key} is {toml(value)} ({origin})", file=sys.stderr)
    # FastAPI and uvicorn take half a second, so not before this verb was chosen.
    from vfioguard.serve.address import CannotListen
    from vfioguard.serve.daemon import serve
    from vfioguard.serve.latest import Latest
    from vfioguard.serve.scan import scanner

    latest = Latest(evaluate.policy_names(), options.interval)
    scan = scanner(options.root, options.policy, tables(options))
    try:
        serve(options.web_listen_address, latest, scan, options.interval)
    except CannotListen as error:
        raise Failure(str(error)) from error
    return 0
