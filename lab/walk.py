"""A walk: the changes that a guest makes while the daemon runs there, and how the daemon followed.

A cell names a walk of cells/walks.toml. guest/walk/ takes its steps.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lab import cpio, daemon, tools
from lab.archive import Archive

_AT = f"{tools.SOURCES}/walk"
#: No full reading comes during a walk and mends what the daemon missed.
_START = """\
#!/bin/sh
exec daemon-python /vfioguard.pyz serve --interval 86400 \\
    --web.listen-address unix:/run/vfioguard.sock
"""
#: What a walk may use of the CPU beside the rest of a boot, in seconds.
CPU = 600
#: What of it is kept beside the captures.
HANDED = ("walk.jsonl", "walk.err", "serve.log")
#: What the daemon may not say in a walk.
_TROUBLE = (
    "Traceback", "a bug", "could not be read", "does not answer", "no uevents",
    "cannot be followed",
)  # fmt: skip


class Step(NamedTuple):
    """A step as the guest tells of it. Times are in seconds, None if it did not come so far."""

    name: str
    #: Why the step could not be taken; empty if it could.
    failed: str
    took: float | None
    told: float | None
    full: float | None
    readings: dict[str, int]
    differences: list[str]


def files(archive: Archive, arch: str, steps: tuple[str, ...]) -> dict[str, cpio.File]:
    """The daemon, its libraries and the steps, as files of an initramfs."""
    ours = cpio.tree(_AT, "lab/guest/walk")
    return {
        **daemon.get(archive, arch),
        **{path: file for path, file in ours.items() if path.endswith(".py")},
        "lab/guest/__init__.py": cpio.File(b""),
        "lab/__init__.py": cpio.File(b""),
        "bin/serve": cpio.program(_START.encode()),
        "etc/lab-walk": cpio.File("".join(f"{step}\n" for step in steps).encode()),
    }


def steps(handed: dict[str, bytes]) -> list[Step]:
    """The steps that the guest has taken."""
    return [_step(json.loads(row)) for row in handed.get("walk.jsonl", b"").splitlines()]


def _step(row: dict[str, Any]) -> Step:
    return Step(
        name=row["step"], failed=row.get("failed", ""), took=row.get("took"),
        told=row.get("told"), full=row.get("full"), readings=row.get("readings", {}),
        differences=row.get("differences", []),
    )  # fmt: skip


def rows(handed: dict[str, bytes]) -> list[str]:
    """A line for each step: how long the daemon took to tell of it, and how it read the host."""
    return [
        f"{step.name}: told after {step.told:.2f} s"
        f" ({', '.join(f'{kind} {count}' for kind, count in step.readings.items()) or 'unread'})"
        for step in steps(handed)
        if step.told is not None
    ]


def faults(handed: dict[str, bytes], wanted: tuple[str, ...]) -> list[str]:
    """A line for each thing that is not as it should be in a walk of these steps."""
    taken, lines = steps(handed), list[str]()
    for step in taken:
        if step.failed:
            lines.append(f"walk, {step.name}: {step.failed}")
        elif step.told is None:
            more = len(step.differences) - 1
            lines.append(
                f"walk, {step.name}: {step.differences[0]}" + (f" and {more} more" if more else "")
            )
        if step.readings.get("mismatches"):
            lines.append(f"walk, {step.name}: the daemon met a mismatch of its own")
    names = {step.name for step in taken}
    missing = [name for name in wanted if name not in names]
    if missing:
        lines.append(f"walk: {len(missing)} steps were not taken, the first is {missing[0]}")
    said = handed.get("walk.err", b"").decode(errors="replace").strip().splitlines()
    lines += [f"walk: {said[-1]}"] if said else []
    status = handed.get("serve.status", b"").decode().strip()
    if status != "0":
        lines.append(f"walk: the daemon ended with {status or 'no status'}")
    for row in handed.get("serve.log", b"").decode(errors="replace").splitlines():
        if any(word in row for word in _TROUBLE):
            lines.append(f"walk: the daemon says: {row}")
    return lines


def plugged(steps_: tuple[str, ...]) -> list[str]:
    """The devices that the steps plug in, in QEMU's words."""
    actions = (action.split() for step in steps_ for action in step.split(";"))
    return [words[1] for words in actions if words[0] == "plug"]
