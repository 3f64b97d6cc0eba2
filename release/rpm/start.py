"""The command, from the directory that brings its libraries."""

import sys

sys.path.insert(0, "/usr/lib/vfioguard")
from vfioguard.cli import entry

entry()
