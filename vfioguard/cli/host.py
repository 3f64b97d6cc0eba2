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
    """Read and judge the host of `--root`; raises what `read` does."""
    snapshot = read(options, take, patience)
    return evaluate(snapshot, wording.now(), options.policy, findings=findings)


def read(
    options: argparse.Namespace, reader: Callable[[Root], T], patience: Patience | None = None
) -> T:
    """What `reader` makes of the host of `--root`, with the ACPI tables that were handed over.

    A read that never returns costs its one fact; the reader begins anew then. `patience` is for
    who reads more than once. Raises `CannotOpen`, and `Failure` where too many hang.
    """
    return read_at(options.root, reader, options.work.hung, tables(options), patience)


def read_at(
    path: str,
    reader: Callable[[Root], T],
    hung: list[str],
    handed: str = "",
    patience: Patience | None = None,
) -> T:
    """The same of the host at `path`; `hung` gets the paths that still hold a thread."""
    if not os.path.isdir(path):
        return reader(open_root(path, handed))
    known = patience or Patience(Marks(directory(), path))
    try:
        return known.run(lambda door: reader(open_root(path, handed, door)))
    except NoAnswer as error:
        raise Failure(f"{path}: {error}") from error
    finally:
        hung += known.hung


def tables(options: argparse.Namespace) -> str:
    """The directory of ACPI tables that were handed over, "" where none were.

    systemd sets the variable for what runs in the unit, and that is on this host (systemd.exec(5)).
    """
    given: str | None = options.acpi_tables
    if given is None and options.root == "/":
        given = os.environ.get("CREDENTIALS_DIRECTORY")
    return given or ""


def again(options: argparse.Namespace) -> str:
    """What to add to a command that shall read the same host; nothing for this one."""
    from shlex import quote  # `check` proposes no command

    given = (("--root", options.root if options.root != "/" else None),
             ("--acpi-tables", options.acpi_tables))  # fmt: skip
    return "".join(f" {flag} {quote(value)}" for flag, value in given if value)


def style(*, every_group: bool = False) -> Style:
    """Colour only where a terminal shows it and nobody asked for none (no-color.org)."""
    from vfioguard.output import Style  # `check` has none

    tty = sys.stdout.isatty()
    width = (os.get_terminal_size(sys.stdout.fileno()).columns if tty else 0) or 80
    color = tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(width, 40), color, every_group)
