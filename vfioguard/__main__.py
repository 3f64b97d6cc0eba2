"""`python -m vfioguard`."""

from vfioguard.cli import entry

entry()
