r"""The commands that the Kubernetes manifests run, so that they are tried as they stand there.

python -m tests.contrib.manifest FILE CONTAINER [PROBE]     prints the words, each ended by \0
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

DIRECTORY = Path(__file__).parent.parent.parent / "contrib" / "kubernetes"


def command(file: str, container: str, probe: str = "") -> list[str]:
    """What a container runs, or one of its probes; an image's own command is `vfioguard`."""
    document = yaml.safe_load((DIRECTORY / file).read_text())
    spec = document["spec"]["template"]["spec"]
    named = [*spec.get("initContainers", []), *spec["containers"]]
    found = next(one for one in named if one["name"] == container)
    if probe:
        return found[probe]["exec"]["command"]
    return [*found.get("command", ["vfioguard"]), *found.get("args", [])]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{word}\0" for word in command(*sys.argv[1:])))
