"""The lock file: where it says that packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

LOCK = Path(__file__).parent.parent.parent / "uv.lock"


def test_the_lock_names_the_public_index_and_no_other() -> None:
    packages = tomllib.loads(LOCK.read_text())["package"]
    sources = [one["source"] for one in packages if one["name"] != "vfioguard"]
    assert all(source == {"registry": "https://pypi.org/simple"} for source in sources)
    # The index's own file host stands in every lock that uv writes.
    hosts = set(re.findall(r"[a-z]+://([^/\"]+)", LOCK.read_text()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_every_file_of_the_lock_has_a_hash() -> None:
    for package in tomllib.loads(LOCK.read_text())["package"]:
        for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]:
            assert file["hash"].startswith("sha256:")
