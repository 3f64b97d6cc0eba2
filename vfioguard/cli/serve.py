"""`vfioguard serve`: the daemon."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vfioguard.cli.host import now, read, tables
from vfioguard.cli.run import OWN_FAILURE, Failure
from vfioguard.cli.settings import file
from vfioguard.cli.settings.kinds import toml
from vfioguard.cli.settings.table import SETTINGS

if TYPE_CHECKING:
    from vfioguard.serve.web import Web


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, either of which is a success."""
    settled = file.settle(options)
    if options.config_check:
        print(file.render(settled))
        return 0
    for setting in SETTINGS:
        value, origin = settled[setting.key]
        setattr(options, setting.dest, value)
        if origin not in {file.DEFAULT, setting.flag}:  # a file must not act unseen
            print(f"vfioguard: {setting.key} is {toml(value)} ({origin})", file=sys.stderr)
    if options.self_test:
        return _self_test(options)
    # FastAPI and uvicorn take half a second, so not before this verb was chosen.
    from vfioguard.serve.connection.listeners import CannotListen
    from vfioguard.serve.daemon import Followed, serve
    from vfioguard.serve.follower import Intervals
    from vfioguard.serve.telling import log

    log.to_stderr()
    host = Followed(
        root=options.root,
        policy=options.policy,
        tables=tables(options),
        intervals=Intervals(options.poll_interval, options.interval),
        uevents=options.uevents,
        state_directory=options.state_directory,
    )
    try:
        serve(_web(options), host)
    except CannotListen as error:
        raise Failure(str(error)) from error
    return 0


def _web(options: argparse.Namespace) -> Web:
    from vfioguard.serve.connection.connections import Limits
    from vfioguard.serve.web import Web

    return Web(
        listen_address=tuple(options.web_listen_address),
        systemd_socket=options.web_systemd_socket,
        config_file=options.web_config_file,
        allow_unauthenticated=options.web_allow_unauthenticated,
        allowed_host=tuple(options.web_allowed_host or ()),
        access_log=options.web_access_log,
        limits=Limits(
            options.web_max_connections,
            options.web_max_unix_connections,
            options.web_max_streams,
        ),
    )


def _self_test(options: argparse.Namespace) -> int:
    """Nothing that is missing is a failure, but the list of groups."""
    from vfioguard.serve.host import self_test

    found = read(options, lambda root: self_test.run(root, now()))
    print(found.summary, *found.lines, sep="\n")
    return 0 if found.possible else OWN_FAILURE
