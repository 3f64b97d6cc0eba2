"""`vfioguard serve`: the daemon."""

from __future__ import annotations

import argparse
import sys

from vfioguard import wording
from vfioguard.cli.arguments import Once, Parser
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.host import read, tables
from vfioguard.cli.settings import file
from vfioguard.cli.settings.kinds import toml
from vfioguard.cli.settings.options import add_settings
from vfioguard.cli.settings.table import SETTINGS
from vfioguard.cli.verbs import Verb
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.serve.web import Web


def _arguments(parser: Parser) -> None:
    parser.add_argument(
        "--config.file",
        dest="config_file",
        action=Once,
        metavar="PATH",
        help=f"the file of settings; options win over it (default {file.DEFAULT_FILE}, if there)",
    )
    parser.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="print each setting and its origin, and do not serve",
    )
    parser.add_argument(
        "--self-test",
        dest="self_test",
        action="store_true",
        help="print what this process can and cannot read, and do not serve; "
        "exit status 3 if no verdict is possible",
    )
    add_settings(parser)


def _run(options: argparse.Namespace) -> int:
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
    # FastAPI and uvicorn take half a second: `--help` and the options above do without them.
    try:
        from vfioguard.serve.daemon import Followed, serve
    except ModuleNotFoundError as error:
        raise _incomplete(error) from error
    from vfioguard.serve.connection.listeners import CannotListen
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


def _incomplete(error: ModuleNotFoundError) -> Exception:
    """What to tell when a library of the extra is missing. A module of ours that is, is a bug."""
    if (error.name or "").partition(".")[0] == "vfioguard":
        return error
    return Failure(f"serve needs the Python module {error.name}: install vfioguard[serve]")


def _web(options: argparse.Namespace) -> Web:
    from vfioguard.serve.connection.connections import Limits
    from vfioguard.serve.web import Web

    return Web(
        listen_address=tuple(options.web_listen_address),
        probe_address=tuple(options.web_probe_address or ()),
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
    """Print what can be read. Only a missing list of groups is a failure."""
    from vfioguard.serve.host import self_test

    result = read(options, lambda root: self_test.run(root, wording.now()))
    print(result.summary, *result.lines, sep="\n")
    return 0 if result.possible else OWN_FAILURE


VERB = Verb(
    help="the daemon: HTTP and metrics",
    arguments=_arguments,
    run=_run,
)
