"""The daemon's file of settings, and the settings that follow from it and the options."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from vfioguard.cli.failure import Failure
from vfioguard.cli.settings.kinds import Setting, Wrong, shown, toml
from vfioguard.cli.settings.table import SETTINGS
from vfioguard.cli.settings.toml_lines import Lines
from vfioguard.typed import NamedTuple, cast

DEFAULT_FILE = "/etc/vfioguard.toml"
#: The origin of a value that neither the file nor an option sets.
DEFAULT = "default"
#: The most bytes that are read. The example has 3,000; /dev/zero has no end.
_LIMIT = 64 * 1024
_BARE = re.compile("[A-Za-z0-9_-]+")


class Settled(NamedTuple):
    """A value and its origin: an option, `FILE:LINE`, or `DEFAULT`."""

    value: object
    origin: str


class _Bad(NamedTuple):
    """Why a key is wrong, or one item of its array."""

    path: tuple[str, ...]
    why: str
    item: int | None = None


def settle(
    options: argparse.Namespace,
    settings: tuple[Setting, ...] = SETTINGS,
    default_file: str = DEFAULT_FILE,
) -> dict[str, Settled]:
    """All settings by key. Options win over the file, the file over the defaults.

    `options` has the `dest` of each option that was typed, and `config_file`. Raises `Failure`.
    """
    given = getattr(options, "config_file", None)
    file = read(given or default_file, settings, may_be_absent=given is None)
    settled: dict[str, Settled] = {}
    for setting in settings:
        typed: object = getattr(options, setting.dest, None)
        if typed is not None:
            value = tuple(cast("list[object]", typed)) if isinstance(typed, list) else typed
            settled[setting.key] = Settled(value, setting.flag)
        else:
            settled[setting.key] = file.get(setting.key, Settled(setting.default, DEFAULT))
    return settled


def render(settled: Mapping[str, Settled]) -> str:
    """The settings as a file that sets the same, with the origin of each value."""
    rows = [
        (f"{key} = {toml(value)}" if value is not None else f"# {key}: none", origin)
        for key, (value, origin) in settled.items()
    ]
    width = max(len(row) for row, _ in rows)
    return "\n".join(f"{row:{width}}  # {origin}" for row, origin in rows)


def read(
    path: str, settings: tuple[Setting, ...] = SETTINGS, *, may_be_absent: bool = False
) -> dict[str, Settled]:
    """The settings in a file, by key. Raises `Failure`, which names file and line."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_LIMIT + 1)
    except FileNotFoundError as error:
        if may_be_absent:
            return {}
        raise Failure(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    if len(raw) > _LIMIT:
        raise Failure(f"{path}: longer than {_LIMIT // 1024} KiB")
    return parse(path, raw, settings)


def parse(path: str, raw: bytes, settings: tuple[Setting, ...]) -> dict[str, Settled]:
    """The settings in the bytes of a file, by key. Raises `Failure`."""
    try:
        text = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Failure(f"{path}:{line}: not UTF-8") from error
    try:
        values: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Failure(f"{path}:{_syntax(str(error), text)}") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # from int() and recursion, which tomllib does not catch
        why = "too long a number" if isinstance(error, ValueError) else "nested too deeply"
        raise Failure(f"{path}:{_first_line_with(type(error), text)}: {why}") from error
    where = Lines(text)
    settled: dict[str, Settled] = {}
    bad: list[_Bad] = []
    for keys, setting, value in _flat(values, (), {known.path: known for known in settings}):
        checked = _check(keys, setting, value) if setting else _unknown(keys, value, settings)
        if isinstance(checked, _Bad):
            bad.append(checked)
        elif setting is not None:
            settled[setting.key] = Settled(checked.value, f"{path}:{where.key(keys)}")
    if bad:
        line, why = min((_line(where, error), error.why) for error in bad)
        raise Failure(f"{path}:{line}: {why}")
    return settled


def _line(where: Lines, bad: _Bad) -> int:
    return where.key(bad.path) if bad.item is None else where.item(bad.path, bad.item)


def _syntax(message: str, text: str) -> str:
    """The error of tomllib behind its line: "12: Invalid value"."""
    place = re.search(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$", message)
    if place is None:
        return f" {message}"
    return f"{place[1] or text.rstrip().count(chr(10)) + 1}: {message[: place.start()]}"


def _first_line_with(kind: type[Exception], text: str) -> int:
    """The first line up to which the document cannot be parsed because of this error."""
    lines = text.split("\n")
    for number in range(1, len(lines)):
        try:
            tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        except kind:
            return number
    return len(lines)


def _flat(
    table: Mapping[str, object],
    above: tuple[str, ...],
    known: dict[tuple[str, ...], Setting],
) -> Iterator[tuple[tuple[str, ...], Setting | None, object]]:
    """Every value with its path and its setting, None for a value that is not a setting.

    A table that leads to no setting is such a value.
    """
    for key, value in table.items():
        path = (*above, key)
        leads = any(setting[: len(path)] == path for setting in known)
        if path not in known and isinstance(value, dict) and (value or leads):
            yield from _flat(cast("dict[str, object]", value), path, known)
        else:
            yield path, known.get(path), value


def _check(keys: tuple[str, ...], setting: Setting, value: object) -> Settled | _Bad:
    if not setting.repeatable:
        return _item(keys, setting, value)
    if not isinstance(value, list):
        article = f"an array, as in [{shown(value)}]" if isinstance(value, str) else "an array"
        return _Bad(keys, f"{setting.key}: {shown(value)} is not {article}")
    values = cast("list[object]", value)
    if not values:
        return _Bad(keys, f"{setting.key}: an empty array; leave the key out for the default")
    items: list[object] = []
    for index, item in enumerate(values):
        checked = _item(keys, setting, item)
        if isinstance(checked, _Bad):
            return checked._replace(item=index)
        items.append(checked.value)
    return Settled(tuple(items), "")


def _item(path: tuple[str, ...], setting: Setting, value: object) -> Settled | _Bad:
    try:
        return Settled(setting.kind.from_toml(value), "")
    except Wrong as error:
        return _Bad(path, f"{setting.key}: {error}")


def _unknown(keys: tuple[str, ...], value: object, settings: tuple[Setting, ...]) -> _Bad:
    """The error that there is no such setting. Its path ends at the first wrong part of the key."""
    name = ".".join(key if _BARE.fullmatch(key) else toml(key) for key in keys)
    paths = [setting.path for setting in settings]
    tables = {path[:length] for path in paths for length in range(1, len(path))}
    if keys in tables:
        return _Bad(keys, f"{name}: {shown(value)} is not a table, which is written [{name}]")
    bad = next(n for n in range(1, len(keys) + 1) if n == len(keys) or keys[:n] not in tables)
    names = [setting.key for setting in settings]
    names += [".".join(table) for table in tables] if isinstance(value, dict) else []
    near = get_close_matches(".".join(keys), names, 1, 0.5)
    if len(keys) > 1 and keys[-1] in names:  # people append to the file, and so to its last table
        near = [f"{keys[-1]}, which stands above the first [table]"]
    hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(names))}"
    return _Bad(keys[:bad], f"no setting {name}; {hint}")
