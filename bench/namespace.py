"""A tree as the running host of a command: in a mount namespace of its own (root only).

The tree's sys is over /sys, its proc files over those of /proc, its boot over /boot.
"""

from __future__ import annotations

import shutil
import subprocess

_MOUNTS = """
mount --bind "$1/sys" /sys
for file in cmdline cpuinfo interrupts sys/kernel/osrelease sys/kernel/arch; do
    if [ -e "$1/proc/$file" ]; then mount --bind "$1/proc/$file" "/proc/$file"; fi
done
mkdir -p /boot
mount --bind "$1/boot" /boot
shift
exec "$@"
"""


def in_namespace(tree: str, command: list[str]) -> list[str]:
    """The command with the tree as its running host."""
    unshare = ["unshare", "--mount", "--propagation", "private"]
    return [*unshare, "sh", "-eu", "-c", _MOUNTS, "sh", tree, *command]


def namespaces_work(tree: str) -> bool:
    """Whether we may mount a tree over /."""
    if shutil.which("unshare") is None:
        return False
    command = in_namespace(tree, ["test", "-d", "/sys/kernel/iommu_groups/0"])
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
