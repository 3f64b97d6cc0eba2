"""A `Follow` for the host at `root`, as the daemon's environment has it."""

from __future__ import annotations

import os

from vfioguard.fact import value_or
from vfioguard.kernel.identity import boot_id
from vfioguard.root.opening import open_root
from vfioguard.serve.telling.change_teller import Follow
from vfioguard.serve.telling.journal import Journal, is_stderr
from vfioguard.serve.telling.log_lines import Teller
from vfioguard.serve.telling.state_files import StateFiles, default_directory


def following(root: str, directory: str | None) -> Follow:
    """Follow the host at `root`; its state is kept in `directory`, or where systemd says.

    Raises `CannotOpen`.
    """
    where = directory or default_directory(os.environ)
    journal = Journal() if is_stderr(os.environ) else None
    boot = value_or(boot_id.read(open_root(root)), None)
    return Follow(boot, StateFiles(where) if where else None, Teller(journal))
