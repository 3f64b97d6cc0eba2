"""The mark of an answer that may be behind the host. Each form has it in its opening.

A body keeps its opening as a piece of its own (`Body.opened`). So a host of thousands of groups is
not rendered again when only the mark changes.
"""

from __future__ import annotations

import hashlib

from vfioguard.fact import printable
from vfioguard.proof_json import dumps
from vfioguard.report import SCHEMA_VERSION
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.json_shapes import document as shapes


class Stale(NamedTuple):
    """Why the answer may be behind the host, since when, and when the host was last read.

    Both times are RFC 3339; `read_at` is None before the first reading. `reason` names the kind.
    """

    reason: str
    why: str
    since: str
    read_at: str | None

    @property
    def tag(self) -> str:
        """What the tag of a body with this mark ends in."""
        return hashlib.sha256(json_opening(self)).hexdigest()[:12]

    @property
    def header(self) -> str:
        """The value of `Vfioguard-Stale`: a dictionary of structured fields (RFC 9651 3.2)."""
        why = printable(self.why).replace("\\", "\\\\").replace('"', '\\"')
        read = "" if self.read_at is None else f', read-at="{self.read_at}"'
        return f'since="{self.since}"{read}, reason={self.reason}, why="{why}"'

    @property
    def sentence(self) -> str:
        """The mark for people."""
        read = "never read" if self.read_at is None else f"last read at {self.read_at}"
        return f"stale since {self.since}: {printable(self.why)}; {read}"


def marks(stale: Stale | None) -> shapes.Marks:
    """The members of a JSON answer that say whether it is stale; both null if it is fresh."""
    if stale is None:
        return {"stale": None, "read_at": None}
    return {"stale": {"since": stale.since, "why": stale.why}, "read_at": stale.read_at}


def json_opening(stale: Stale | None) -> bytes:
    """What every JSON answer begins with."""
    opening: shapes.Marked = {"schema_version": SCHEMA_VERSION, **marks(stale)}
    return dumps(opening)[:-1].encode() + b","


def text_opening(stale: Stale | None) -> bytes:
    """A comment before lines of text, nothing if they are fresh."""
    return b"" if stale is None else f"# {stale.sentence}\n".encode()


def svg_opening(stale: Stale | None) -> bytes:
    """A comment before a picture, nothing if it is fresh. It holds no "--" (XML 1.0, 2.5)."""
    if stale is None:
        return b""
    return f"<!-- {stale.sentence.replace('--', '- -')} -->\n".encode()
