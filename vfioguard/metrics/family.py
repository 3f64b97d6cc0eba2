"""Metrics as tables, which the textfile and the daemon's /metrics both render.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from vfioguard.typed import Literal, NamedTuple, TypeAlias, TypeVar

Source = TypeVar("Source")
Label = TypeVar("Label", bound=str)

#: The values of the labels in the family's order, and the number.
Sample: TypeAlias = tuple[tuple[str, ...], float]


class Family(NamedTuple):
    """What a scraper is told of a metric. `name` has no _total and no _info; `unit` ends it."""

    name: str
    kind: Literal["gauge", "counter", "info"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


#: Each metric, and what gives its samples: none where the number is not known.
Table: TypeAlias = Mapping[Family, Callable[[Source], Iterable[Sample]]]


class Measured(NamedTuple):
    """A metric and its samples at one moment."""

    family: Family
    samples: Iterable[Sample]


def measured(table: Table[Source], source: Source) -> Iterator[Measured]:
    """Each metric of the table, whose samples are taken from the source when it is reached."""
    return (Measured(family, samples(source)) for family, samples in table.items())


def single(number: float | None) -> list[Sample]:
    """The sample of a metric without labels. Returns no sample if `number` is None."""
    return [] if number is None else [((), number)]


def by_label(numbers: Mapping[Label, float]) -> list[Sample]:
    """The samples of a metric with one label, by the label's value."""
    return [((value,), number) for value, number in numbers.items()]


def shown(value: str) -> str:
    """A label's value as UTF-8 can hold it: a lone surrogate becomes its escape sequence."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
