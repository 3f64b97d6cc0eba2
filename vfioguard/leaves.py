"""Find the leaves of a package: one new file is one new policy, chip, IOMMU or output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


@cache  # they are files of an installed package, and every judging asks
def names(package: str) -> tuple[str, ...]:
    """The leaf modules of a package, sorted, without importing them.

    Not pkgutil: its import alone costs half of an interpreter's start-up.
    """
    origin = module(package).__file__
    assert origin is not None, f"{package} is not a regular package"
    files = os.listdir(os.path.dirname(origin))
    return tuple(sorted(f[:-3] for f in files if f.endswith(".py") and not f.startswith("_")))


def module(name: str) -> ModuleType:
    """A module by its dotted name.

    Not importlib: what it does in Python for each of a dozen leaves costs half a millisecond.
    """
    __import__(name)
    return sys.modules[name]


def load(package: str, leaf: str, attribute: str, kind: type[T]) -> T:
    """The `attribute` of one leaf, checked to be a `kind`."""
    value: object = getattr(module(f"{package}.{leaf}"), attribute)
    if not isinstance(value, kind):
        raise TypeError(f"{package}.{leaf}.{attribute} is not a {kind.__name__}")
    return value


def all_of(package: str, attribute: str, kind: type[T]) -> tuple[T, ...]:
    """The `attribute` of every leaf of a package, in the order of their names."""
    return tuple(load(package, leaf, attribute, kind) for leaf in names(package))


def one_by_one(
    package: str, attribute: str, kind: type[T], first: tuple[str, ...] = ()
) -> Iterator[T]:
    """The same, each loaded when it is asked for: `first`, then from the end, where x86's are."""
    others = [leaf for leaf in reversed(names(package)) if leaf not in first]
    return (load(package, leaf, attribute, kind) for leaf in (*first, *others))
