"""`python -m vfioguard`."""

import sys

from vfioguard.cli import main

sys.exit(main())
