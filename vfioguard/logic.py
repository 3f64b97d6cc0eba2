"""Kleene's three-valued logic, in which every answer carries the evidence that decided it.

Policies use these combinators where the kernel uses `&&` and `||`. So the explanation is the
computation and cannot drift from it.  (Kleene, Introduction to Metamathematics, section 64: the
strong tables.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.typed import NamedTuple, NoReturn, Self, TypeAlias, TypeVar

T = TypeVar("T")

Proof: TypeAlias = "Answer | Fact[object] | Gap"


class Claim(str):
    """A claim with the words of its denial, and of not knowing it; it is equal to its own text.

    `denied` is what holds if the claim is false: "interrupt remapping is off", as a person says it.
    `unknown` is said if nobody knows; None stands for "it is not known whether" and the claim. Only
    an answer that can be false, or whose claim reads badly after "whether", needs a `Claim`.
    """

    __slots__ = ("denied", "unknown")
    denied: str | None
    unknown: str | None

    def __new__(cls, text: str, denied: str | None = None, unknown: str | None = None) -> Self:
        self = str.__new__(cls, text)
        self.denied = denied
        self.unknown = unknown
        return self


class Answer(NamedTuple):
    """A claim, its truth, and the evidence that decided it (`because`).

    `truth` is None if the evidence does not decide.
    """

    claim: str
    truth: bool | None
    because: tuple[Proof, ...]

    def __bool__(self) -> NoReturn:
        """Refuse `if answer:`, which would turn unknown into no. Raises TypeError."""
        raise TypeError(f"an Answer is not a bool; ask .truth ({self.claim})")

    def __invert__(self) -> Answer:
        truth = None if self.truth is None else not self.truth
        return Answer(_negated(self.claim), truth, (self,))

    @property
    def said(self) -> str:
        """The answer as one sentence that is true: the claim, its denial, or that nobody knows."""
        if self.truth is None:
            words = self.claim.unknown if isinstance(self.claim, Claim) else None
            return words or f"it is not known whether {self.claim}"
        return str(self.claim) if self.truth else denial(self.claim)


def denial(claim: str) -> str:
    """What holds if `claim` is false."""
    words = claim.denied if isinstance(claim, Claim) else None
    return words or f"it is not true that {claim}"


def _negated(claim: str) -> Claim:
    """The claim that holds if and only if `claim` is false."""
    unknown = claim.unknown if isinstance(claim, Claim) else None
    return Claim(denial(claim), str(claim), unknown or f"it is not known whether {claim}")


def ask(claim: str, reading: Reading[T], question: Callable[[T], bool | None]) -> Answer:
    """An answer from one reading. It is unknown for a gap, or if `question` returns None."""
    truth = None if isinstance(reading, Gap) else question(reading.value)
    return Answer(claim, truth, (reading,))


def every(claim: str, parts: Iterable[Answer], over: Reading[object] | None = None) -> Answer:
    """`&&` over a set. It keeps the parts that decided. `over` proves that a set is empty.

    Raises ValueError for an empty set without `over`.
    """
    return _decide(claim, tuple(parts), over, decisive=False)


def some(claim: str, parts: Iterable[Answer], over: Reading[object] | None = None) -> Answer:
    """`||` over a set. It keeps the parts that decided. `over` proves that a set is empty.

    Raises ValueError for an empty set without `over`.
    """
    return _decide(claim, tuple(parts), over, decisive=True)


def _decide(
    claim: str, parts: tuple[Answer, ...], over: Reading[object] | None, *, decisive: bool
) -> Answer:
    """A part with the truth `decisive` decides, else an unknown part, else all parts together."""
    if len(parts) == 1:  # the most frequent case: most groups have one device
        return Answer(claim, parts[0].truth, parts)
    truths = [part.truth for part in parts]
    for truth in (decisive, None):
        if truth in truths:
            return Answer(claim, truth, tuple(part for part in parts if part.truth is truth))
    return Answer(claim, not decisive, parts or _vacuous(claim, over))


def agree(claim: str, witnesses: Iterable[Answer]) -> Answer:
    """The common answer of independent witnesses of one fact. It is unknown if they contradict.

    A contradiction is shown in the claim. This is not a Kleene connective: a further witness may
    turn a yes into unknown, but never into a no. Raises ValueError without witnesses.
    """
    kept = tuple(witnesses)
    yes = tuple(part for part in kept if part.truth is True)
    no = tuple(part for part in kept if part.truth is False)
    if yes and no:
        return Answer(_contradicted(claim), None, yes + no)
    if yes or no:
        return Answer(claim, bool(yes), yes or no)
    if not kept:
        raise ValueError(f"no witness for: {claim}")
    return Answer(claim, None, kept)


def _contradicted(claim: str) -> Claim:
    text = f"{claim} (sources contradict each other)"
    return Claim(text, None, f"sources contradict each other on whether {claim}")


def whichever(claim: str, forms: Sequence[Answer], known: Answer) -> Answer:
    """The answer of a test that the kernel has in one of several `forms`, not known which.

    If all forms give the same truth, it holds. Otherwise the answer is unknown, because of `known`:
    the unknown answer to which form the kernel has.
    """
    if len({form.truth for form in forms}) == 1:
        return Answer(claim, forms[0].truth, tuple(forms))
    return every(known.claim, (known,))


def contradiction(answer: Answer) -> Iterator[Answer]:
    """The parts of an unknown answer whose witnesses contradict each other, itself included."""
    parts = [part for part in answer.because if isinstance(part, Answer)]
    if answer.truth is None:
        truths = {part.truth for part in parts}
        if {True, False} <= truths:
            yield answer
        for part in parts:
            yield from contradiction(part)


def sources(*answers: Answer) -> list[str]:
    """The files that the answers rest on, sorted."""
    files: set[str] = set()
    for answer in answers:
        for part in answer.because:
            files.update(sources(part) if isinstance(part, Answer) else (part.source,))
    return sorted(files)


def _vacuous(claim: str, over: Reading[object] | None) -> tuple[Proof, ...]:
    if over is None:
        raise ValueError(f"an empty set proves nothing without the reading that says so: {claim}")
    return (over,)
