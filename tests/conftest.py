"""Settings for every test: the hypothesis profile."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

# No law has a clock: on a loaded machine an example may take any time.
settings.register_profile("whole", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=10)
# A checkout that may not be written to (another user's, a read-only mount) keeps no examples.
settings.register_profile("read-only", deadline=None, database=None)
_WRITABLE = os.access(Path(__file__).parents[1], os.W_OK)
settings.load_profile("whole" if _WRITABLE else "read-only")
