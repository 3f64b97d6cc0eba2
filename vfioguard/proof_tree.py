"""A proof as an indented tree, whose leaves are files with their content.

A claim is printed once and referred to after that. Parts that differ only in ids are one, so that
the proof of a group of 4,096 members is as long as that of a few.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from vfioguard import wording
from vfioguard.fact import Fact, Gap
from vfioguard.folding import fold
from vfioguard.logic import Answer, Proof
from vfioguard.typed import NamedTuple

#: So many parts that are alike are all printed; of more than these only the first.
_ALIKE = 3
#: Parts of one answer that are printed, if they are not alike.
_PARTS = 16


class _Above(NamedTuple):
    """A printed claim with its truth, and the answers under it."""

    answers: list[Answer]


class ProofTree:
    """Prints proofs one after another; what an earlier one has shown is not shown again."""

    def __init__(self) -> None:
        self._printed: dict[tuple[str, bool | None], _Above] = {}
        self._kinds: dict[int, tuple[Proof, Hashable]] = {}

    def lines(self, proof: Proof, depth: int = 0) -> Iterator[str]:
        """The lines of one proof, which begins `depth` steps from the left."""
        indent = "  " * depth
        if isinstance(proof, Gap):
            yield f"{indent}{proof.source}: {proof.why} ({proof.errno or proof.detail})"
        elif isinstance(proof, Fact):
            yield f"{indent}{proof.source}: {wording.raw_text(proof.raw)}"
        else:
            yield from self._answer(proof, depth)

    def side_by_side(self, proofs: Iterable[Proof], depth: int = 0) -> Iterator[str]:
        """The lines of several proofs; those that differ only in ids are one."""
        return self._parts(proofs, depth, None)

    def _answer(self, answer: Answer, depth: int) -> Iterator[str]:
        claim = f"{wording.truth(answer.truth)}: {answer.claim}"
        above = self._printed.setdefault((answer.claim, answer.truth), _Above([]))
        if any(answer is printed or answer == printed for printed in above.answers):
            yield f"{'  ' * depth}as above: {claim}"
            return
        again = "as above: " if above.answers else ""
        above.answers.append(answer)
        yield f"{'  ' * depth}{again}{claim}"
        yield from self._parts(answer.because, depth + 1, _key(answer))

    def _parts(
        self, parts: Iterable[Proof], depth: int, above: tuple[str, bool | None] | None
    ) -> Iterator[str]:
        """The parts under the claim `above`: a part with its very words is left out for its own."""
        alike: dict[Hashable, list[Proof]] = {}
        for part in parts:
            alike.setdefault(self._kind(part), []).append(part)
        for shown, same in enumerate(alike.values()):
            if shown == _PARTS:
                left = sum(map(len, list(alike.values())[shown:]))
                yield f"{'  ' * depth}... and {left} more"
                return
            for part in same if len(same) <= _ALIKE else same[:1]:
                if above is not None and isinstance(part, Answer) and _key(part) == above:
                    self._printed[above].answers.append(part)
                    yield from self._parts(part.because, depth, above)
                else:
                    yield from self.lines(part, depth)
            if len(same) > _ALIKE:
                yield f"{'  ' * depth}... and {len(same) - 1} more like this"

    def _kind(self, proof: Proof) -> Hashable:
        """What a proof says and rests on, without its ids."""
        known = self._kinds.get(id(proof))
        if known is not None:
            return known[1]
        kind: Hashable
        if isinstance(proof, Gap):
            kind = fold(proof.source).key, proof.why, proof.errno
        elif isinstance(proof, Fact):
            kind = fold(proof.source).key, fold(wording.raw_text(proof.raw)).key
        else:
            parts = frozenset(map(self._kind, proof.because))
            kind = proof.truth, fold(proof.claim).key, parts
        self._kinds[id(proof)] = proof, kind
        return kind


def _key(answer: Answer) -> tuple[str, bool | None]:
    return answer.claim, answer.truth


def proof_lines(proof: Proof, depth: int = 0) -> Iterator[str]:
    """The lines of one proof alone."""
    return ProofTree().lines(proof, depth)
