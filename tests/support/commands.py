"""The commands as this interpreter starts them."""

from __future__ import annotations

import os
import sys

#: The verb with an empty file of settings: the tester's own /etc/vfioguard.toml is not read.
SERVE_VERB = ("serve", "--config.file", os.devnull)
VFIOGUARD = (sys.executable, "-m", "vfioguard")
SERVE = (*VFIOGUARD, *SERVE_VERB)
