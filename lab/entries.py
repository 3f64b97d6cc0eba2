"""What an entry of lab/cells may say: a person writes it, so each mistake is one line.

The names are those of functions, programs and rows that are in other files.
"""

from __future__ import annotations

import inspect
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lab import acpi, devicetree, modules, tools
from lab.guest.walk.changes import ACTIONS
from lab.say import Failed

#: What a cell may expect of the kernel's answers about interrupts (lab/judge.py).
TRAITS = ("allowed", "refused", "both", "nothing")
_FIRMWARE = ("acpi", "dt")


def read(path: str) -> dict[str, Any]:
    """The entries of a file. Raises Failed, with the file's name, if it is no TOML."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failed(f"{os.path.basename(path)}: {error}") from error


def together(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The cells of several files. Raises Failed if two have one name, or one is no table."""
    rows: dict[str, dict[str, Any]] = {}
    for path in paths:
        base = os.path.basename(path)
        for name, row in read(path).items():
            if not isinstance(row, dict):
                raise Failed(f"{base}: {name} is no cell, as it stands in no [table]")
            if name in rows:
                raise Failed(f"{base}: a cell {name} is in another file, too")
            rows[name] = row
    return rows


def check(name: str, row: dict[str, Any], defaults: dict[str, Any]) -> None:
    """See whether a cell's settings have a meaning. Raises Failed if they do not.

    `defaults` has the value of each setting that an entry may leave out.
    """
    kinds: dict[str, type] = {"arch": str, "kernels": list, "note": str, "guest": dict}
    kinds = {**{key: _kind(value) for key, value in defaults.items()}, **kinds}
    faults = [
        *(f"no setting is called {key}" for key in row if key not in kinds),
        *(f"it has no {key}" for key in kinds if key not in defaults and key not in row),
        *(f"{key} is to be {_WORDS[kinds[key]]}" for key in kinds if not _is(row, key, kinds)),
    ]
    # The values of settings of another kind would have no meaning.
    for fault in faults or _values(row):
        raise Failed(f"cell {name}: {fault}")


_WORDS = {str: "a text", list: "a list", dict: "a table", int: "a number", bool: "true or false"}


def _kind(value: object) -> type:
    return list if isinstance(value, tuple) else type(value)


def _is(row: dict[str, Any], key: str, kinds: dict[str, type]) -> bool:
    return key not in row or type(row[key]) is kinds[key]


def _values(row: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the values of settings."""
    known: dict[str, Iterable[str]] = {
        "arch": tools.TARGETS, "firmware": _FIRMWARE, "modules": ("", *modules.SETS),
        "expect": ("", *TRAITS), "acpi": acpi.EDITS,
    }  # fmt: skip
    for key, names in known.items():
        value = row.get(key, ())
        for each in value if isinstance(value, list) else [value] if key in row else []:
            if each not in names:
                yield f"{key} cannot be {each!r}, but {', '.join(filter(None, names))}"
    for key in ("kernels", "devices", "more"):
        if not all(isinstance(each, str) for each in row.get(key, ())):
            yield f"{key} is to be a list of texts"
    for edit in row.get("dt", ()):
        verb, *words = edit if isinstance(edit, list) and edit else [str(edit)]
        yield from _call(devicetree.EDITS, str(verb), [None, *words], "edit of a device tree")
    with open(f"{tools.SOURCES}/init") as file:
        init = file.read()
    for key, value in row.get("guest", {}).items():
        if not re.search(rf"\$\{{?{re.escape(key)}\b|export .*\b{re.escape(key)}\b", init):
            yield f"the guest's init knows no {key}"
        elif not isinstance(value, str) or "'" in value:
            yield f"{key} is to be a text without an apostrophe"


def _call(
    actions: dict[str, Callable[..., None]], verb: str, words: Iterable[object], what: str
) -> Iterator[str]:
    """Why an action cannot be called with these words, if it cannot."""
    if verb not in actions:
        yield f"no {what} is called {verb}"
        return
    try:
        inspect.signature(actions[verb]).bind(*words)
    except TypeError as error:
        yield f"{verb}: {error}"


def check_walk(name: str, steps: object) -> None:
    """See whether the guest can know what the steps of a walk mean. Raises Failed."""
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise Failed(f"walk {name} is to be a list of texts")
    plugged: set[str] = set()
    for step in steps:
        for action in step.split(";"):
            for fault in _action(action.split(), plugged):
                raise Failed(f"walk {name}, {step}: {fault}")


def _action(words: list[str], plugged: set[str]) -> Iterator[str]:
    """What is wrong with an action. `plugged` has the devices that were plugged in before it."""
    if not words:
        yield "an action is missing"
        return
    verb, *rest = words
    yield from _call(ACTIONS, verb, rest, "action")
    if verb == "plug" and len(rest) == 1:
        found = re.search(r",id=(\w+)", rest[0])
        if not found:
            yield "what is plugged in needs an id"
        elif found[1] in plugged:
            yield f"{found[1]} is plugged in already"
        else:
            plugged.add(found[1])
    if verb == "unplug" and len(rest) == 1:
        if rest[0] not in plugged:
            yield f"nothing that is called {rest[0]} was plugged in"
        plugged.discard(rest[0])
