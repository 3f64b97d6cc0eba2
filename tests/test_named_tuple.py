"""Our NamedTuple against typing's: the same fields make the same values."""

from __future__ import annotations

import copy
import importlib
import inspect
import keyword
import pickle
import pkgutil
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vfioguard
from vfioguard.named_tuple import NamedTuple, Value


def all_classes() -> list[type[Any]]:
    for module in pkgutil.walk_packages(vfioguard.__path__, "vfioguard."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)

    def below(owner: type[Any]) -> Iterator[type[Any]]:
        for found in owner.__subclasses__():
            yield found
            yield from below(found)

    return sorted(
        (found for found in below(Value) if found.__module__.startswith("vfioguard")),
        key=lambda found: (found.__module__, found.__qualname__),
    )


def typings(fields: tuple[str, ...], defaults: dict[str, object], name: str) -> type[Any]:
    """What typing makes of the fields."""
    return made_by(typing.NamedTuple, dict.fromkeys(fields, object), defaults, name)


def ours(fields: tuple[str, ...], defaults: dict[str, object], name: str) -> type[Any]:
    return made_by(NamedTuple, dict.fromkeys(fields, "object"), defaults, name)


def made_by(
    base: Any, annotations: dict[str, Any], defaults: dict[str, object], name: str
) -> type[Any]:
    body = {
        "__module__": __name__,
        "__qualname__": name,
        "__annotations__": annotations,
        **defaults,
    }
    return types.new_class(name, (base,), {}, lambda scope: scope.update(body))


def told(make: Callable[..., tuple[object, ...]], /, *args: object, **named: object) -> object:
    """The values, or the error and its words."""
    try:
        return tuple(make(*args, **named))
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def parameters(owner: type[Any]) -> list[tuple[object, ...]]:
    found = inspect.signature(owner).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


def same(mine: type[Any], theirs: type[Any], values: tuple[object, ...]) -> None:
    """Ask both classes the same, and compare what they say."""
    fields = theirs._fields
    named = dict(zip(fields, values, strict=True))
    own = vars(mine)
    assert mine._fields == fields
    assert mine.__match_args__ == theirs.__match_args__
    assert mine._field_defaults == theirs._field_defaults
    for length in range(len(fields) + 1):
        some = values[:length]
        assert told(mine, *some) == told(theirs, *some)
    assert told(mine, *values, 1) == told(theirs, *values, 1)
    assert told(mine, **named, other=1) == told(theirs, **named, other=1)
    assert parameters(mine) == parameters(theirs)
    one, other = mine(**named), theirs(**named)
    assert tuple(one) == tuple(other) == values
    assert [getattr(one, field) for field in fields] == list(values)
    assert one == mine(*values)
    assert sys.getsizeof(one) == sys.getsizeof(other)
    assert not hasattr(one, "__dict__")
    if "__repr__" not in own:
        assert repr(one) == repr(other)
    if "__hash__" not in own:
        assert hash(one) == hash(other)
    assert one._asdict() == other._asdict()
    assert tuple(mine._make(values)) == values
    assert told(mine._make, (*values, 1)) == told(theirs._make, (*values, 1))
    with pytest.raises((TypeError, ValueError), match="unexpected field names"):
        one._replace(other=1)  # typing's own raises the first since Python 3.13
    for field in fields:
        assert tuple(one._replace(**{field: 1})) == tuple(other._replace(**{field: 1}))
        with pytest.raises(AttributeError):
            setattr(one, field, 1)
    assert type(copy.copy(one)) is mine
    assert copy.deepcopy(one) == one


def test_every_class_of_ours_is_what_typing_makes_of_its_fields() -> None:
    classes = all_classes()
    assert len(classes) > 200
    for mine in classes:
        theirs = typings(mine._fields, mine._field_defaults, mine.__name__)
        values = tuple(f"{field}?" for field in mine._fields)
        same(mine, theirs, values)
        made = mine._make(values)
        assert type(made) is mine
        if mine.__module__ in sys.modules and "<locals>" not in mine.__qualname__:
            again = pickle.loads(pickle.dumps(made))
            assert type(again) is mine
            assert tuple(again) == values


names = st.from_regex(r"[a-z][a-z_0-9]{0,6}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)
values = st.one_of(st.none(), st.integers(), st.text(), st.tuples(st.integers()))


@given(
    fields=st.lists(names, min_size=0, max_size=9, unique=True).map(tuple),
    defaults=st.lists(values, max_size=9),
    data=st.data(),
)
def test_any_fields_make_what_typing_makes_of_them(
    fields: tuple[str, ...], defaults: list[object], data: st.DataObject
) -> None:
    later = fields[max(0, len(fields) - len(defaults)) :]
    having = dict(zip(later, defaults, strict=False))
    given_values = tuple(data.draw(values) for _ in fields)
    same(ours(fields, having, "Some"), typings(fields, having, "Some"), given_values)


class Base(NamedTuple):
    """Two fields, of which one is left out by most."""

    left: int
    right: int = 2


class Derived(Base):
    """A class that adds a method."""

    __slots__ = ()

    def sum(self) -> int:
        return self.left + self.right


def test_the_first_value_may_be_of_a_derived_class() -> None:
    assert Derived(1).sum() == 3
    assert type(Derived(1)) is Derived
    assert type(Base(1)) is Base
    assert repr(Derived(left=4)) == "Derived(left=4, right=2)"
    assert type(Derived(1)._replace(left=5)) is Derived


class First(NamedTuple):
    """Its first value is one of `Second`."""

    left: int
    right: int = 2


class Second(First):
    """A class with a constructor of its own."""

    __slots__ = ()

    def __new__(cls, left: int) -> typing.Self:
        return super().__new__(cls, left, 2 * left)


def test_the_constructor_of_a_derived_class_may_make_the_first_value() -> None:
    assert [tuple(Second(4)), tuple(First(1)), tuple(Second(5))] == [(4, 8), (1, 2), (5, 10)]
    assert type(Second(4)) is Second


def test_a_field_without_a_default_after_one_with_a_default_is_an_error() -> None:
    with pytest.raises(TypeError, match="Wrong: a field without a default"):
        made_by(NamedTuple, {"left": "int", "right": "int"}, {"left": 1}, "Wrong")


def test_the_base_of_all_values_has_no_value() -> None:
    with pytest.raises((TypeError, StopIteration)):
        Value()
    assert tuple(Base(1)) == (1, 2)


def race(made: type[Any], start: threading.Barrier, found: list[object]) -> None:
    start.wait()
    found.append(tuple(made(left=1)))


def test_threads_may_race_for_the_first_value() -> None:
    for _ in range(20):
        made = ours(("left", "right"), {"right": 2}, "Raced")
        start = threading.Barrier(4)
        found: list[object] = []

        threads = [threading.Thread(target=race, args=(made, start, found)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(1, 2)] * 4


def test_a_value_is_matched_by_place() -> None:
    match Base(1):
        case Base(left, right):
            assert (left, right) == (1, 2)
        case _:
            pytest.fail("no match")
