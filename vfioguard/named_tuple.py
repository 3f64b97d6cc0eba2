"""Classes of values as `typing.NamedTuple` makes them, at a fifth of what they cost to define.

typing compiles the constructor of a class when the class is defined. Here the first value does it,
and a short command has values of few of its classes. A test holds every class of vfioguard against
what typing makes of the same fields (tests/test_named_tuple.py).
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

try:  # as collections.namedtuple does
    from _collections import _tuplegetter as _field  # type: ignore[import-not-found]
except ImportError:

    def _field(place: int, _: None) -> property:
        return property(itemgetter(place))


#: What makes a tuple of any class.
_NEW: Any = getattr(tuple, "__new__")  # noqa: B009 - its type has a gap


class Value(tuple[object, ...]):
    """What every value can do, by the names that `collections.namedtuple` gives it."""

    __slots__ = ()
    _fields: tuple[str, ...]
    _field_defaults: dict[str, object]

    def __new__(cls, /, *given: object, **named: object) -> Self:
        """Compile the constructor of the class that has the fields, and call it."""
        owner: Any = next(base for base in cls.__mro__ if "_fields" in base.__dict__)
        owner.__new__ = _constructor(owner)
        # Not that of `cls`: a constructor of its own may be what calls us.
        made: Any = owner.__new__(cls, *given, **named)
        assert isinstance(made, cls), "it was asked for one"
        return made

    @classmethod
    def _make(cls, given: Iterable[object]) -> Self:
        value = super().__new__(cls, given)
        if len(value) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(value)}")
        return value

    def _replace(self, /, **named: object) -> Self:
        value = self._make(map(named.pop, self._fields, self))
        if named:
            raise ValueError(f"Got unexpected field names: {list(named)!r}")
        return value

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=True))

    __replace__ = _replace  # copy.replace() of Python 3.13

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)


def _constructor(owner: Any) -> staticmethod[..., object]:  # noqa: ANN401 - its names are private
    """A function that takes the fields by place and by name, as a call of the class does."""
    names = "".join([f"{field}, " for field in owner._fields])
    scope: dict[str, Any] = {
        "__name__": f"namedtuple_{owner.__name__}",
        "__builtins__": {},
        "_new": _NEW,
    }
    # The names are those of our own classes.
    new: Any = eval(f"lambda _cls, {names}: _new(_cls, ({names}))", scope)  # noqa: S307
    new.__annotations__ = owner.__annotations__
    new.__defaults__ = tuple(owner._field_defaults.values())
    new.__name__ = "__new__"
    new.__qualname__ = f"{owner.__name__}.__new__"
    return staticmethod(new)


class _Naming(type):
    """Makes a plain class of the body that follows `class X(NamedTuple):`."""

    def __new__(cls, name: str, _: tuple[type, ...], body: dict[str, Any]) -> type:
        fields = tuple(body.get("__annotations__", ()))
        defaults = {field: body[field] for field in fields if field in body}
        if tuple(defaults) != fields[len(fields) - len(defaults) :]:
            raise TypeError(f"{name}: a field without a default follows one with a default")
        body["_field_defaults"] = defaults
        body["_fields"] = body["__match_args__"] = fields
        body["__slots__"] = ()
        for place, field in enumerate(fields):
            body[field] = _field(place, None)
        return type(name, (Value,), body)


class _NamedTuple:
    """Stands among the bases of a class, and hands its body to `_Naming`."""

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[type]:
        return (_BASE,)


_BASE = type.__new__(_Naming, "NamedTuple", (), {})
NamedTuple = _NamedTuple()
