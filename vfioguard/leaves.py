"""Find the leaves of a package: one new file is one new policy, chip, IOMMU, table or output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from vfioguard.typed import Any, TypeVar

T = TypeVar("T")


@cache  # the files of an installed package stay, and every judging needs their names
def names(package: str) -> tuple[str, ...]:
    """The names of a package's leaf modules, sorted; no leaf is imported.

    Importing pkgutil would cost half of an interpreter's start-up, so only a zip pays for it.
    """
    room = module(package)
    assert room.__file__ is not None, f"{package} is not a regular package"
    try:
        files = os.listdir(os.path.dirname(room.__file__))
    except NotADirectoryError:  # vfioguard.pyz (release/pyz/build.py)
        from pkgutil import iter_modules

        files = [f"{leaf.name}.py" for leaf in iter_modules(room.__path__) if not leaf.ispkg]
    return tuple(sorted(f[:-3] for f in files if f.endswith(".py") and not f.startswith("_")))


def module(name: str) -> ModuleType:
    """The module of this dotted name. Raises ModuleNotFoundError.

    importlib would cost half a millisecond for a dozen leaves.
    """
    __import__(name)
    return sys.modules[name]


def beside(name: str, file: str) -> bytes:
    """The content of a file beside the module of this name, also in a zip. Raises OSError."""
    of = module(name)
    loader: Any = of.__spec__.loader if of.__spec__ else None
    content: bytes = loader.get_data(os.path.join(os.path.dirname(of.__file__ or ""), file))
    return content


def load(package: str, leaf: str, attribute: str, kind: type[T]) -> T:
    """The `attribute` of one leaf. Raises TypeError if it is not a `kind`."""
    value: object = getattr(module(f"{package}.{leaf}"), attribute)
    if not isinstance(value, kind):
        raise TypeError(f"{package}.{leaf}.{attribute} is not a {kind.__name__}")
    return value


def all_of(package: str, attribute: str, kind: type[T]) -> tuple[T, ...]:
    """The `attribute` of every leaf of a package, sorted by the leaves' names."""
    return tuple(load(package, leaf, attribute, kind) for leaf in names(package))


def one_by_one(
    package: str, attribute: str, kind: type[T], first: tuple[str, ...] = ()
) -> Iterator[T]:
    """The `attribute` of every leaf of a package; a leaf is loaded when its turn comes.

    `first` names the leaves that most hosts need; the others follow by name.
    """
    others = [leaf for leaf in names(package) if leaf not in first]
    return (load(package, leaf, attribute, kind) for leaf in (*first, *others))
