"""What the verbs share: reading the host of `--root`, and how its report is shown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vfioguard import wording
from vfioguard.cli.failure import Failure
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root import Root
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import NoAnswer, Patience

if TYPE_CHECKING:
    from vfioguard.output import Style

T = TypeVar("T")


def read_report(
    options: argparse.Namespace, patience: Patience | None = None, *, findings: bool = True
) -> Report:
    """Read and judge the host of `--root`. Raises what `read` does."""
    snapshot = read(options, take, patience)
    return evaluate(snapshot, wording.now(), options.policy, findings=findings)


def read(
    options: argparse.Namespace, reader: Callable[[Root], T], patience: Patience | None = None
) -> T:
    """Call `reader` with the host of `--root` and return its result.

    A read that never returns costs one fact, and `reader` is called again without it. Pass the
    same `patience` each time if the host is read more than once. Raises `CannotOpen`, or `Failure`
    if too many reads hang.
    """
    return read_at(options.root, reader, options.work.hung, tables(options), patience)


def read_at(
    path: str,
    reader: Callable[[Root], T],
    hung: list[str],
    handed: str = "",
    patience: Patience | None = None,
) -> T:
    """Call `reader` with the host at `path` and return its result.

    `hung` gets the paths at which a thread still hangs, `handed` is a directory of ACPI tables.
    """
    if not os.path.isdir(path):
        return reader(open_root(path, handed))
    waiting = patience or Patience(Marks(directory(), path))
    try:
        return waiting.run(lambda door: reader(open_root(path, handed, door)))
    except NoAnswer as error:
        raise Failure(f"{path}: {error}") from error
    finally:
        hung += waiting.hung


def tables(options: argparse.Namespace) -> str:
    """The directory of ACPI tables that somebody handed over, or "".

    systemd sets the variable in the unit (systemd.exec(5)). Its tables are those of this host.
    """
    given: str | None = options.acpi_tables
    if given is None and options.root == "/":
        given = os.environ.get("CREDENTIALS_DIRECTORY")
    return given or ""


def again(options: argparse.Namespace) -> str:
    """The options by which another command reads the same host; "" if it is this host."""
    from shlex import quote  # `check` proposes no command

    given = (("--root", options.root if options.root != "/" else None),
             ("--acpi-tables", options.acpi_tables))  # fmt: skip
    return "".join(f" {flag} {quote(value)}" for flag, value in given if value)


def style(*, every_group: bool = False) -> Style:
    """The style of standard output: in colour if it is a terminal and NO_COLOR is not set.

    See no-color.org.
    """
    from vfioguard.output import Style  # `check` has none

    tty = sys.stdout.isatty()
    width = (os.get_terminal_size(sys.stdout.fileno()).columns if tty else 0) or 80
    color = tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(width, 40), color, every_group)
