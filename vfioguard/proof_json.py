"""A proof as JSON: as values, and as text in which each shared claim is rendered once."""

from __future__ import annotations

import json
from collections.abc import Callable

from vfioguard.fact import Fact, Gap
from vfioguard.logic import Answer, Proof
from vfioguard.typed import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from vfioguard.json_shapes.proof import Claim, GapLeaf, Part

#: Raw text and parts of a proof are cut at these lengths: 4,096 members prove no more than 64.
_RAW = 256
_PARTS = 64
#: What stands for a claim until its text is put in. No name of a host holds this character.
_HERE = "\x01"
_HERE_JSON = json.dumps(_HERE)
_TRUTHS = {True: "true", False: "false", None: "null"}
_encode = json.JSONEncoder(separators=(",", ":")).encode
_string: Callable[[str], str] = json.encoder.encode_basestring_ascii

#: Renders a claim within a value.
Renderer: TypeAlias = "Callable[[Answer], Claim]"


def dumps(value: object) -> str:
    """JSON without blanks, in printable ASCII: `json` itself would leave DEL as it is."""
    return _without_del(_encode(value))


def _without_del(text: str) -> str:
    return text.replace("\x7f", "\\u007f")


def claim_json(answer: Answer) -> Claim:
    """A claim with the parts of its proof; `omitted` counts those that are cut."""
    shown: Claim = {
        "claim": answer.claim,
        "truth": answer.truth,
        "because": [_part_json(part) for part in answer.because[:_PARTS]],
    }
    if len(answer.because) > _PARTS:
        shown["omitted"] = len(answer.because) - _PARTS
    return shown


def _part_json(proof: Proof) -> Part:
    match proof:
        case Answer():
            return claim_json(proof)
        case Fact():
            return {"path": proof.source, "raw": _raw(proof)}
        case Gap():
            return gap_json(proof)


def _raw(fact: Fact[object]) -> str:
    return fact.raw[:_RAW].decode("ascii", "backslashreplace")


def gap_json(gap: Gap) -> GapLeaf:
    """A gap: the path, and why nothing could be read from it."""
    return {"path": gap.source, "why": gap.why, "errno": gap.errno, "detail": gap.detail}


class Texts:
    """Renders values as text, for one rendering of many.

    4,096 groups rest on the same thousand claims, which are most of the text. The text of a claim
    is kept if it is met in a second value. What belongs to one group is not kept for longer. A
    claim is known by its identity, so it is kept alive as well.
    """

    def __init__(self) -> None:
        self._kept: dict[int, str] = {}
        self._met: dict[int, Proof] = {}
        self._own: dict[int, str] = {}

    def of(self, make: Callable[[Renderer], object]) -> str:
        """The text of the value that `make` makes, as `dumps` would write it.

        `make` has to call what it is given for each claim in the order of the text.
        """
        texts: list[str] = []

        def here(answer: Answer) -> Claim:
            texts.append(self._text(answer))
            return cast("Claim", _HERE)

        self._own.clear()
        parts = _encode(make(here)).split(_HERE_JSON)
        pieces = [parts[0]]
        for text, part in zip(texts, parts[1:], strict=True):
            pieces += text, part
        return _without_del("".join(pieces))

    def _text(self, proof: Proof) -> str:
        key = id(proof)
        text = self._kept.get(key) or self._own.get(key)
        if text is None:
            text = self._made(proof)
            (self._kept if key in self._met else self._own)[key] = text
            self._met[key] = proof
        return text

    def _made(self, proof: Proof) -> str:
        if isinstance(proof, Fact):
            return f'{{"path":{_string(proof.source)},"raw":{_string(_raw(proof))}}}'
        if isinstance(proof, Gap):
            return _encode(gap_json(proof))
        claim = f'{{"claim":{_string(proof.claim)},"truth":{_TRUTHS[proof.truth]},"because":['
        parts = ",".join([self._text(part) for part in proof.because[:_PARTS]])
        if len(proof.because) <= _PARTS:
            return f"{claim}{parts}]}}"
        return f'{claim}{parts}],"omitted":{len(proof.because) - _PARTS}}}'
