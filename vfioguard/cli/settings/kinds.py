"""The description of a setting: its name, the kind of its value, and its documentation."""

from __future__ import annotations

import re
from collections.abc import Callable

from vfioguard.typed import NamedTuple, cast

#: Characters of a wrong value that its error quotes.
_SHOWN = 60


class Wrong(ValueError):
    """A value that a setting cannot have; the message goes after its name."""


class Kind(NamedTuple):
    """The values that a setting may have. `article` names them: "a string".

    `from_text` converts the argument of an option, `from_toml` a value of the file, or one item of
    its array if the setting is repeatable. Both raise `Wrong`. `choices` are the possible values,
    if they are few. `unit` is the unit of a number.
    """

    article: str
    from_text: Callable[[str], object]
    from_toml: Callable[[object], object]
    choices: tuple[str, ...] = ()
    unit: str = ""


class Setting(NamedTuple):
    """One setting. `key` is dotted as in TOML. The option is `key` with `--` before it.

    A setting without a default has `default` None and an `example`. A repeatable setting is a
    tuple: one option for each item, an array in the file. `help` is one line. `doc` has paragraphs,
    in which `backquotes` mark code.
    """

    key: str
    kind: Kind
    default: object
    metavar: str
    help: str
    doc: str
    repeatable: bool = False
    example: object = None

    @property
    def flag(self) -> str:
        """The option of `vfioguard serve`."""
        return f"--{self.key}"

    @property
    def dest(self) -> str:
        """The attribute of the parsed options."""
        return re.sub("[.-]", "_", self.key)

    @property
    def path(self) -> tuple[str, ...]:
        """Its tables in the file, then its name."""
        return tuple(self.key.split("."))


def text(article: str = "a string", check: Callable[[str], object] = str) -> Kind:
    """A string that is not empty and that `check` does not refuse with `Wrong`."""

    def from_toml(value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not {article}")
        if not value or not value.isprintable():
            raise Wrong(f"{shown(value)} is empty or unprintable, not {article}")
        check(value)
        return value

    return Kind(article=article, from_text=from_toml, from_toml=from_toml)


def choice(article: str, names: tuple[str, ...]) -> Kind:
    """One of these words."""

    def from_toml(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            from difflib import get_close_matches

            near = get_close_matches(value, names, 1, 0.5) if isinstance(value, str) else []
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"
            raise Wrong(f"{shown(value)} is not {article}; {hint}")
        return value

    return Kind(article=article, from_text=from_toml, from_toml=from_toml, choices=names)


def number(unit: str, least: float, most: float, *, whole: bool = False) -> Kind:
    """A number of `unit` within these bounds, both included."""
    article = f"{'a whole' if whole else 'a'} number of {unit}"

    def from_toml(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise Wrong(f"{shown(value)} is not {article}")
        if not least <= value <= most:  # false for a NaN too
            raise Wrong(f"{shown(value)} is not between {least:g} and {most:g} {unit}")
        return value if whole else float(value)

    def from_text(value: str) -> float:
        try:
            parsed = int(value) if whole else float(value)
        except ValueError:
            raise Wrong(f"{shown(value)} is not {article}") from None
        return from_toml(parsed)

    return Kind(article=article, from_text=from_text, from_toml=from_toml, unit=unit)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{shown(value)} is not true or false")
    return value


#: On or off. The option has a `--no-` form, so that it can undo what the file sets.
SWITCH = Kind(article="true or false", from_text=_switch, from_toml=_switch)


def toml(value: object) -> str:
    """A value as TOML writes it, in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() if value.bit_length() > 64:
            return hex(value)  # Python refuses to write thousands of decimal digits
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case list() | tuple():
            return f"[{', '.join(map(toml, cast('tuple[object, ...]', value)))}]"
        case dict():
            return "a table"
        case _:
            return str(value)


def shown(value: object) -> str:
    """A value as an error quotes it: in one short line."""
    quoted = toml(value)
    return quoted if len(quoted) <= _SHOWN else f"{quoted[: _SHOWN - 3]}..."


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"
