"""Interrupt remapping is off since this boot, and was on in the one before.

A command does not know the boot before, so the daemon alone tells this. It keeps the state of each
boot in its directory, and compares with it in serve/host/previous_boot.py.

Change: undo what changed ([VfioguardRemappingLost](runbook.md#vfioguardremappinglost)); usually a
firmware update has reset the setup.
"""

from vfioguard.finding import Finding

FINDING = Finding("remapping_lost", "warning")
