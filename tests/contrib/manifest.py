r"""The commands that the Kubernetes manifests run, so that they are tried as they stand there.

python -m tests.contrib.manifest FILE CONTAINER [PROBE]     prints the words, each ended by \0

For a probe they are those of curl, which asks as the kubelet does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

DIRECTORY = Path(__file__).parent.parent.parent / "contrib" / "kubernetes"


def command(file: str, container: str, probe: str = "") -> list[str]:
    """What a container runs, or what asks one of its probes.

    An image's own command is `vfioguard`.
    """
    document = yaml.safe_load((DIRECTORY / file).read_text())
    spec = document["spec"]["template"]["spec"]
    named = [*spec.get("initContainers", []), *spec["containers"]]
    found = next(one for one in named if one["name"] == container)
    if probe:
        asked = found[probe]["httpGet"]
        ports = {each["name"]: each["containerPort"] for each in found["ports"]}
        url = f"{asked.get('scheme', 'http').lower()}://127.0.0.1:{ports[asked['port']]}{asked['path']}"
        limit = str(found[probe]["timeoutSeconds"])
        return ["curl", "--silent", "--show-error", "--fail", "--max-time", limit, url]
    return [*found.get("command", ["vfioguard"]), *found.get("args", [])]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{word}\0" for word in command(*sys.argv[1:])))
