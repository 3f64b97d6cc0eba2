"""The names of `typing` that our values and annotations need, without the import of `typing`.

A type checker sees typing's own names. A running command sees our NamedTuple, and for each other
name one object that says nothing. That saves a fifth of what `check` costs (docs/performance.md).
What is read at run time needs the real `typing`: the shapes of JSON, the widths of ACPI structures.
"""

from __future__ import annotations

__all__ = [
    "TYPE_CHECKING",
    "Any",
    "BinaryIO",
    "Generic",
    "Literal",
    "NamedTuple",
    "NoReturn",
    "Protocol",
    "Self",
    "TypeAlias",
    "TypeVar",
    "cast",
]

TYPE_CHECKING = False  # each type checker takes this name as true

if TYPE_CHECKING:
    from typing import (
        Any,
        BinaryIO,
        Generic,
        Literal,
        NamedTuple,
        NoReturn,
        Protocol,
        Self,
        TypeAlias,
        TypeVar,
        cast,
    )
else:
    from vfioguard.named_tuple import NamedTuple

    class _Silent:
        """Any of the other names: an alias, a variable, or a base that leaves no trace."""

        def __call__(self, *_: object, **__: object) -> _Silent:
            return self

        def __getitem__(self, _: object) -> _Silent:
            return self

        def __or__(self, _: object) -> _Silent:
            return self

        __ror__ = __or__

        def __mro_entries__(self, _: object) -> tuple[()]:
            return ()

    Any = BinaryIO = Generic = Literal = NoReturn = Protocol = Self = _Silent()
    TypeAlias = TypeVar = Any

    def cast(_: object, value: object) -> object:
        """Return the value. Only a type checker knows more of it then."""
        return value
