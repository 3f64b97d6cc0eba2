"""Reads a YAML file of a known form. Each error names its line. An unknown key is an error."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import yaml

_TAG = "tag:yaml.org,2002:"


class BadFile(Exception):
    """The file does not have the form. The message is one line, with the file and its line."""


class Value:
    """A value and its place in the file. As in Go, an absent value or a null is the type's zero.

    Each method that reads the value raises `BadFile` if it is of another type.
    """

    def __init__(self, path: str, name: str, node: yaml.Node | None) -> None:
        self._path = path
        self._name = name
        self._node = None if node is None or node.tag == f"{_TAG}null" else node
        self.line = 1 if node is None else node.start_mark.line + 1

    def bad(self, why: str) -> BadFile:
        """An error about this value, to be raised."""
        name = f"{self._name}: " if self._name else ""
        return BadFile(f"{self._path}:{self.line}: {name}{why}")

    def table(self, keys: tuple[str, ...]) -> dict[str, Value]:
        """A mapping with no other keys than these. Each key has a value, even if it is absent."""
        present = self.mapping()
        for key, value in present.items():
            if key not in keys:
                near = get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}"
                raise value.bad(f"no such key; {hint}")
        return {key: present.get(key, Value(self._path, key, None)) for key in keys}

    def mapping(self) -> dict[str, Value]:
        """A mapping with any keys, each at most once."""
        if self._node is None:
            return {}
        if not isinstance(self._node, yaml.MappingNode):
            raise self.bad("is no mapping")
        values: dict[str, Value] = {}
        for key, value in self._node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            entry = Value(self._path, name, value)
            entry.line = key.start_mark.line + 1
            if name in values:
                raise entry.bad("is there twice")
            values[name] = entry
        return values

    def items(self) -> list[Value]:
        """The values of a list."""
        if self._node is None:
            return []
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.bad("is no list")
        return [Value(self._path, self._name, item) for item in self._node.value]

    def text(self) -> str:
        """A string. A number is taken as it is written."""
        if self._node is None:
            return ""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.bad("is no string")
        return str(self._node.value)

    def switch(self, *, default: bool) -> bool:
        """True or false."""
        if self._node is None:
            return default
        text = self.text()
        if self._node.tag != f"{_TAG}bool":
            raise self.bad("is neither true nor false")
        return text.lower() in {"true", "yes", "on"}

    def number(self) -> int:
        """A whole number that is not negative."""
        text = self.text() or "0"
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise self.bad("is no number")
        return int(text)

    def choice(self, names: Mapping[str, object]) -> str:
        """One of `names`, or ""."""
        text = self.text()
        if text and text not in names:
            near = get_close_matches(text, list(names), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise self.bad(f"no {text!r:.60}; {hint}")
        return text


def read(path: str) -> Value:
    """The whole file at `path`. Raises `BadFile`."""
    try:
        with open(path, encoding="utf-8") as file:
            node = yaml.compose(file, yaml.SafeLoader)
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f":{mark.line + 1}"
        raise BadFile(f"{path}{line}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise BadFile(f"{path}: {' '.join(str(error).split())}") from error
    return Value(path, "", node)
