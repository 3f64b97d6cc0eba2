"""What the wheel brings besides modules, for `vfioguard install-units`: a hook of hatchling.

They lie in `vfioguard/share`: the units, and what is generated from the parser and the settings.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARE = "vfioguard/share"


class Share(BuildHookInterface):  # type: ignore[type-arg]
    """Generate the files and say where they go."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is packed. An editable installation is the repository itself."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from release import completion, man, settings

        to = Path(self.root, "build", "share")
        shutil.rmtree(to, ignore_errors=True)
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        date = time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch else ""
        for name, text in man.pages(date).items():
            write(to / "man" / name, text)
        completion.main(str(to / "completion"))
        write(to / "vfioguard.toml", settings.example())
        build_data["force_include"] |= {
            str(to): SHARE, str(Path(self.root, "systemd")): f"{SHARE}/systemd",
        }  # fmt: skip


def write(path: Path, text: str) -> None:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
