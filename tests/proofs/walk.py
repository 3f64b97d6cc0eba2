"""10,000 random changes of hosts on a disk, followed: python -m tests.proofs.walk [SEED].

After each change what is served is held against reading everything. Prints the seed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping

from tests.proofs.followed import bound, equal, everything
from tests.support.functions import CONFIG_WITHOUT_MSI, Function
from tests.support.living import Living, Machine, told
from tests.support.trees import write
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.root.memory import Entry
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.senses.hint import RECONCILE, Hint

_CHANGES, _LIVES, _GROUPS = 10_000, 40, 8
_NAMES = (
    *(f"0000:{bus:02x}:00.{function}" for bus in range(1, 6) for function in range(3)),
    "10000:e1:00.0",
    "0000:00:14.0",
    "PNP0103:00",
)
_KINDS = ("change", "change", "change", "move", "add", "remove", "type", "override")


def machine(chance: random.Random) -> Machine:
    return Machine(
        chance.choice(("amd", "arm", "intel")),
        chance.choice(("4.12.0", "6.1.0", "6.12.0-amd64", "7.3.4")),
        chance.random() < 0.5,
        chance.choice((b"", b"intremap=off", b"irqchip.gicv3_nolpi=1")),
    )


def function(chance: random.Random, name: str, vendor: str) -> Function:
    """Any; what it can do, it can do for ever."""
    prefix = chance.choice(("ITS", "GICv2m", "NEW") if vendor == "arm" else ("IR", "", "VMD", "IR"))
    chip = chance.choice((None, f"{prefix}-PCI-MSIX".removeprefix("-")))
    return Function(
        name,
        chip,
        chance.choice((None, "e1000e", "vfio-pci", "vmd")),
        vectors=chance.randint(1, 4),
        config=CONFIG_WITHOUT_MSI if name.startswith("0000:02") else Function("").config,
        awake=not name.startswith("0000:03"),
    )


def step(chance: random.Random, host: Living) -> tuple[str, Living]:
    """What happens, and the host after it."""
    kind = chance.choice(_KINDS)
    if kind == "override":
        return kind, host._replace(override=chance.choice((None, False, True)))
    if kind == "type":
        types = {**host.types, chance.randrange(_GROUPS): chance.choice((b"identity\n", b"DMA\n"))}
        return kind, host._replace(types=types)
    found = dict(host.functions)
    name = chance.choice(_NAMES)
    group = chance.choice((None, *range(_GROUPS)))
    old, was = found.get(name, (function(chance, name, host.machine.vendor), group))
    if kind == "remove":
        found.pop(name, None)
    elif kind == "move":
        found[name] = old, group
    else:
        found[name] = function(chance, name, host.machine.vendor), was
    return kind, host._replace(functions=dict(sorted(found.items())))


def directories(entries: Mapping[str, Entry]) -> set[str]:
    found: set[str] = set()
    for path, entry in entries.items():
        one = path if entry is None else os.path.dirname(path)
        while one not in found:
            found.add(one)
            one = os.path.dirname(one)
    return found


def change(root: str, before: Mapping[str, Entry], after: Mapping[str, Entry]) -> None:
    """Nothing but what differs is touched."""
    for path in before.keys() - after.keys():
        if before[path] is not None:
            os.unlink(root + path)
    for path in sorted(directories(before) - directories(after), reverse=True):
        shutil.rmtree(root + path, ignore_errors=True)
    differ = {path: entry for path, entry in after.items() if before.get(path, 0) != entry}
    for path in differ.keys() & before.keys():
        if before[path] is not None:
            os.unlink(root + path)
    write(root, differ)


def hint(before: Living, after: Living) -> Hint:
    """What the senses tell of it, polls among them."""
    devices, listings, overrides = told(before, after)
    return Hint(devices, listings=listings, poll=overrides or before.types != after.types)


def live(chance: random.Random, root: str, changes: int, seen: Counter[str]) -> None:
    host = Living(machine(chance), {})
    entries = host.entries()
    write(root, entries)
    reader = HostReader(root, NOTHING_CHOSEN)
    reader.read()
    for number in range(changes):
        kind, after = step(chance, host)
        seen[kind] += 1
        before, entries = entries, after.entries()
        change(root, before, entries)
        scan = reader.read(hint(host, after))
        full = everything(root)
        if not equal(scan.report._replace(generated_at=""), full):
            said = hint(host, after)
            raise SystemExit(f"BROKEN: change {number} of {host.machine}: {kind}, {said}")
        if number % 50 == 0:
            reader.read(RECONCILE)
        host = after
    seen.update(reader.readings)
    seen["mismatches"] += reader.mismatches


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**9)
    print(f"walk: seed {seed}", flush=True)
    chance, seen, began = random.Random(seed), Counter[str](), time.monotonic()
    for _ in range(_LIVES):
        with tempfile.TemporaryDirectory(prefix="vfioguard-walk-", dir="/dev/shm") as root:
            live(chance, root, _CHANGES // _LIVES, seen)
    print(f"walk: {dict(seen)} in {time.monotonic() - began:.0f} s")
    bound(kept=True, what=f"{_CHANGES} times what was followed equals a full reading")
    bound(kept=seen["mismatches"] == 0, what=f"{seen['mismatches']} mismatches at a reconcile")


if __name__ == "__main__":
    main()
