"""The text of all groups in blocks, so that where one group changes the rest stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from vfioguard.report import GroupReport
from vfioguard.serve.answer.body import Piece, piece

#: Groups of one block, by number: 46 kB of JSON, which deflate into 3 kB, in a millisecond.
_BLOCK = 16


class Blocks:
    """`render` is one group's text, `between` what stands between two."""

    def __init__(
        self,
        render: Callable[[GroupReport], bytes],
        between: bytes = b"",
        kept: Mapping[int, Piece] | None = None,
    ) -> None:
        self._render = render
        self._between = between
        self._kept = dict(kept or {})

    def after(self, changed: Iterable[int] | None) -> Blocks:
        """The blocks of a later report in which these groups differ; None: all of them may."""
        if changed is None:
            return Blocks(self._render, self._between)
        stale = {number // _BLOCK for number in changed}
        # A copy: a request may be rendering into it meanwhile.
        kept = {block: text for block, text in self._kept.copy().items() if block not in stale}
        return Blocks(self._render, self._between, kept)

    def pieces(self, groups: Iterable[GroupReport]) -> Iterator[Piece]:
        """All of them, rendered where they are not at hand."""
        comma = piece(self._between)
        for at, (block, members) in enumerate(groupby(groups, _block_of)):
            if at and self._between:
                yield comma
            found = self._kept.get(block)
            if found is None:
                found = self._kept[block] = self.some(members)
            yield found

    def some(self, groups: Iterable[GroupReport]) -> Piece:
        """A few groups, which are not kept."""
        return piece(self._between.join([self._render(group) for group in groups]))


def _block_of(group: GroupReport) -> int:
    return group.id // _BLOCK
