"""`vfioguard serve`: the daemon."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vfioguard import evaluate
from vfioguard.cli import config
from vfioguard.cli.host import now, read, tables
from vfioguard.cli.run import OWN_FAILURE, Failure
from vfioguard.cli.setting import toml
from vfioguard.cli.settings import SETTINGS

if TYPE_CHECKING:
    from vfioguard.serve.web import Web


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
    if options.self_test:
        return _self_test(options)
    # FastAPI and uvicorn take half a second, so not before this verb was chosen.
    from vfioguard.root.marks import Marks, directory
    from vfioguard.root.opening import open_root
    from vfioguard.root.patience import Patience
    from vfioguard.serve import log
    from vfioguard.serve.address import CannotListen
    from vfioguard.serve.follow import Intervals
    from vfioguard.serve.following import following
    from vfioguard.serve.history import remembering
    from vfioguard.serve.latest import Latest
    from vfioguard.serve.scan import Reader

    try:  # everything of the extra
        from vfioguard.serve.daemon import Host, serve
        from vfioguard.serve.holders import Holders, holding
    except ModuleNotFoundError as error:
        raise _incomplete(error) from error
    log.to_stderr()
    patience = Patience(Marks(directory(), options.root))
    reader = Reader(options.root, options.policy, tables(options), patience=patience)
    intervals = Intervals(options.poll_interval, options.interval)
    follow = following(options.root, options.state_directory)
    latest = Latest(evaluate.policy_names(), min(intervals), published=follow.published)
    read = remembering(reader.read, follow.history)
    if reader.running:  # processes run here and nowhere else
        read = holding(read, Holders(lambda: open_root("/", door=reader.patience.door)))
    try:
        followed = Host(reader, read, intervals, options.uevents)
        serve(_web(options), latest, follow, followed)
    except CannotListen as error:
        raise Failure(str(error)) from error
    return 0


def _incomplete(error: ModuleNotFoundError) -> Exception:
    if (error.name or "").partition(".")[0] == "vfioguard":
        return error  # a bug, and no word on what is installed
    return Failure(f"serve needs the Python module {error.name}: install vfioguard[serve]")


def _web(options: argparse.Namespace) -> Web:
    from vfioguard.serve.connections import Limits
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
    from vfioguard.serve import self_test

    found = read(options, lambda root: self_test.run(root, now()))
    print(found.summary, *found.lines, sep="\n")
    return 0 if found.possible else OWN_FAILURE
