"""`vfioguard install-units`: units, man pages and completions, where pip installed vfioguard."""

from __future__ import annotations

import argparse
import os
import sys

from vfioguard import atomic_file
from vfioguard.cli import placing
from vfioguard.cli.arguments import Parser
from vfioguard.cli.failure import Failure
from vfioguard.cli.placing import Placed, Program
from vfioguard.cli.verbs import Verb

#: Where a package of the distribution has the unit.
_PACKAGED = "usr/lib/systemd/system/vfioguard.service"


def _arguments(parser: Parser) -> None:
    parser.add_argument(
        "--destdir",
        metavar="DIR",
        default="/",
        help="write below this directory, such as the root of an image (default /)",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove the files instead; settings that were changed stay",
    )


def _run(options: argparse.Namespace) -> int:
    """Write the files, or remove them, and print the path of each and what to run next."""
    program = _program()
    try:
        files = placing.files(placing.SHARE, program)
    except (FileNotFoundError, NotADirectoryError) as error:  # the latter in a single file
        raise Failure(
            "this vfioguard brings no units, as it was not installed from a wheel: make wheel"
        ) from error
    done = _remove if options.remove else _install
    try:
        done(options.destdir, files, program)
    except OSError as error:
        raise Failure(f"{error.filename or options.destdir}: {error.strerror}") from error
    return 0


def _program() -> Program:
    """The command that pip made, and where its libraries and its interpreter are."""
    import sysconfig

    scripts = sysconfig.get_path("scripts")
    places = (scripts, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    interpreter = os.path.dirname(os.path.realpath(sys.executable))
    directories = tuple(dict.fromkeys((*places, sys.base_prefix, interpreter)))
    return Program(os.path.join(scripts, "vfioguard"), directories)


def _install(destdir: str, files: tuple[Placed, ...], program: Program) -> None:
    _refuse(destdir, program)
    for path, content in files:
        to = _below(destdir, path)
        if path == placing.SETTINGS and os.path.lexists(to):  # the administrator's
            continue
        os.makedirs(os.path.dirname(to), exist_ok=True)
        atomic_file.write(to, content, 0o644)
        print(to)
    link = _below(destdir, placing.COMMAND)
    if program.command != placing.COMMAND and not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(program.command, link)
        print(link)
    print(
        f"Next: systemd-sysusers {placing.SYSUSERS} && systemctl daemon-reload && "
        "systemctl enable --now vfioguard.socket vfioguard.service"
    )


def _refuse(destdir: str, program: Program) -> None:
    """Raise Failure if the units would not start, or if others are there."""
    packaged = _below(destdir, _PACKAGED)
    if os.path.lexists(packaged):
        raise Failure(f"{packaged} is there: a package has installed the units")
    if not os.access(program.command, os.X_OK):
        raise Failure(f"{program.command} is not there: install vfioguard[serve] with pip")
    try:
        __import__("vfioguard.serve.daemon")  # only whether all that it needs is there
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "vfioguard":
            raise
        raise Failure(
            f"the units need the Python module {error.name}: install vfioguard[serve]"
        ) from error
    hidden = placing.hidden(program)
    if hidden is not None:
        raise Failure(
            f"the units do not see {hidden}: install vfioguard, and the Python that runs it, "
            "below /opt or /usr/local"
        )


def _remove(destdir: str, files: tuple[Placed, ...], program: Program) -> None:
    for path, content in files:
        to = _below(destdir, path)
        if os.path.lexists(to) and (path != placing.SETTINGS or _holds(to, content)):
            os.unlink(to)
            print(to)
    link = _below(destdir, placing.COMMAND)
    if os.path.islink(link) and os.readlink(link) == program.command:
        os.unlink(link)
        print(link)
    print("Next: systemctl daemon-reload")


def _holds(path: str, content: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read() == content


def _below(destdir: str, path: str) -> str:
    return os.path.join(destdir, path.lstrip("/"))


VERB = Verb(
    help="install units, man pages and completions, where pip installed vfioguard",
    arguments=_arguments,
    run=_run,
)
