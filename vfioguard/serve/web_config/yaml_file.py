"""A YAML file of a known form: every error says the line, and what is not known is one."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import yaml

_TAG = "tag:yaml.org,2002:"


class BadFile(Exception):
    """The file is not of the form; the message is one line with its name and the line number."""


class Value:
    """One value and where it stands. An absent one and a null are as in Go: the type's zero."""

    def __init__(self, path: str, name: str, node: yaml.Node | None) -> None:
        self._path = path
        self._name = name
        self._node = None if node is None or node.tag == f"{_TAG}null" else node
        self.line = 1 if node is None else node.start_mark.line + 1

    def bad(self, why: str) -> BadFile:
        """An error at this place."""
        name = f"{self._name}: " if self._name else ""
        return BadFile(f"{self._path}:{self.line}: {name}{why}")

    def table(self, keys: tuple[str, ...]) -> dict[str, Value]:
        """A mapping with these keys and no others; each is there, absent or not."""
        found = self.mapping()
        for key, value in found.items():
            if key not in keys:
                near = get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}"
                raise value.bad(f"no such key; {hint}")
        return {key: found.get(key, Value(self._path, key, None)) for key in keys}

    def mapping(self) -> dict[str, Value]:
        """A mapping with any keys, each once."""
        if self._node is None:
            return {}
        if not isinstance(self._node, yaml.MappingNode):
            raise self.bad("is no mapping")
        found: dict[str, Value] = {}
        for key, value in self._node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            one = Value(self._path, name, value)
            one.line = key.start_mark.line + 1
            if name in found:
                raise one.bad("is there twice")
            found[name] = one
        return found

    def items(self) -> list[Value]:
        """A list."""
        if self._node is None:
            return []
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.bad("is no list")
        return [Value(self._path, self._name, item) for item in self._node.value]

    def text(self) -> str:
        """A string; a number is taken as it is written."""
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
        """One of these words, or none."""
        text = self.text()
        if text and text not in names:
            near = get_close_matches(text, list(names), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise self.bad(f"no {text!r:.60}; {hint}")
        return text


def read(path: str) -> Value:
    """The whole file; raises `BadFile`."""
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
