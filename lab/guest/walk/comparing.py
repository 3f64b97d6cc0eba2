"""What differs between two reports of one host."""

from __future__ import annotations

import json
import re

#: What two readings of one state need not share: times, and what only the daemon looks for.
TIMES = frozenset({"generated_at", "read_at", "holders"})


def uncounted(raw: str) -> str:
    """The text of /proc/interrupts without its counts; any other text as it is."""
    head, *rows = raw.split("\n")
    cpus = len(head.split())
    if not re.fullmatch(r"( +CPU\d+)+ *", head):
        return raw
    return "\n".join(" ".join(row.split()[:1] + row.split()[1 + cpus :]) for row in rows)


def keyed(value: object) -> object:
    """A list of things that have names or numbers, by these; anything else as it is."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        for key in ("id", "name", "bdf", "device"):
            names = [row.get(key) for row in value]
            if None not in names and len(set(map(str, names))) == len(names):
                return {f"{key} {name}": row for name, row in zip(names, value, strict=True)}
    return value


def differences(ours: object, full: object, path: str = "") -> list[str]:
    """A line for each place in which two documents differ."""
    ours, full = keyed(ours), keyed(full)
    if isinstance(ours, dict) and isinstance(full, dict):
        lines = []
        # A function keeps its capabilities, for which it is read, but not its other registers.
        read_once = {"raw"} if str(full.get("path")).endswith("/config") else set[str]()
        for key in [*full, *(key for key in ours if key not in full)]:
            if key not in TIMES | read_once:
                two = ours.get(key, "nothing"), full.get(key, "nothing")
                lines += differences(*two, f"{path} {key}".strip())
        orders = list(ours), list(full)
        if not lines and orders[0] != orders[1]:
            lines += differences(*orders, f"{path} order".strip())
        return lines
    if isinstance(ours, list) and isinstance(full, list) and len(ours) == len(full):
        pairs = enumerate(zip(ours, full, strict=True))
        return [line for at, two in pairs for line in differences(*two, f"{path} [{at}]")]
    if isinstance(ours, str) and isinstance(full, str):
        ours, full = uncounted(ours), uncounted(full)
    if ours == full:
        return []
    said, found = short(json.dumps(ours), json.dumps(full))
    return [f"{path}: the daemon says {said}, a full reading {found}"]


def short(ours: str, full: str) -> tuple[str, str]:
    """The parts of two texts from a little before the place where they differ."""
    two = zip(ours, full, strict=False)
    same = next((at for at, (one, other) in enumerate(two) if one != other), 0)
    begin = same - 5 if same > 60 else 0
    quote = '"' if begin else ""
    return quote + ours[begin:][:100], quote + full[begin:][:100]
