"""A metric as a row of a table, which the textfile and the daemon's /metrics both render.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

Source = TypeVar("Source")
Label = TypeVar("Label", bound=str)

#: The values of the labels in the row's order, and the number.
Sample: TypeAlias = tuple[tuple[str, ...], float]


class Family(NamedTuple, Generic[Source]):
    """One row. `name` has no _total and no _info, and `unit` ends it.

    `samples` gives the samples of a source. It gives none where the number is not known.
    """

    name: str
    kind: Literal["gauge", "counter", "info"]
    help: str
    samples: Callable[[Source], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    unit: str = ""


class Measured(NamedTuple):
    """A row and the samples of one source."""

    family: Family[Any]
    samples: Iterable[Sample]


def measured(table: Iterable[Family[Source]], source: Source) -> Iterator[Measured]:
    """Each row with its samples, which are counted when the row is reached."""
    return (Measured(family, family.samples(source)) for family in table)


def single(number: float | None) -> list[Sample]:
    """The sample of a metric without labels. Returns none if the number is None."""
    return [] if number is None else [((), number)]


def by_label(numbers: Mapping[Label, float]) -> list[Sample]:
    """The samples of a metric with one label, by the label's value."""
    return [((value,), number) for value, number in numbers.items()]


def shown(value: str) -> str:
    """A label's value as UTF-8 can hold it: a lone surrogate becomes its escape sequence."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
