"""The text of all groups in blocks. If one group changes, the other blocks stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from vfioguard.report import GroupReport
from vfioguard.serve.answer.body import Piece, piece

#: How many group numbers share a block: 46 kB of JSON, which deflate into 3 kB in a millisecond.
_BLOCK = 16


class Blocks:
    """Renders and keeps blocks.

    `renderer` makes the function that makes a group's text, for one rendering of many. `between`
    separates two groups.
    """

    def __init__(
        self,
        renderer: Callable[[], Callable[[GroupReport], bytes]],
        between: bytes = b"",
        kept: Mapping[int, Piece] | None = None,
    ) -> None:
        self._renderer = renderer
        self._between = between
        self._kept = dict(kept or {})

    def after(self, changed: Iterable[int] | None) -> Blocks:
        """The blocks for a later report.

        `changed` has the numbers of the groups that differ in it. None means that all may.
        """
        if changed is None:
            return Blocks(self._renderer, self._between)
        stale = {number // _BLOCK for number in changed}
        # Walk through a copy: a request may be adding blocks in another thread.
        kept = {block: text for block, text in self._kept.copy().items() if block not in stale}
        return Blocks(self._renderer, self._between, kept)

    def pieces(self, groups: Iterable[GroupReport]) -> Iterator[Piece]:
        """The text of all `groups`. A block that is not kept is rendered, and kept then."""
        comma, render = piece(self._between), self._renderer()
        for place, (block, members) in enumerate(groupby(groups, _block_of)):
            if place and self._between:
                yield comma
            text = self._kept.get(block)
            if text is None:
                joined = self._between.join([render(group) for group in members])
                text = self._kept[block] = piece(joined)
            yield text


def _block_of(group: GroupReport) -> int:
    return group.id // _BLOCK
