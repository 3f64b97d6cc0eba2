"""Accept and Accept-Encoding (RFC 9110 section 12.5). Odd headers mean no preference, no error."""

from __future__ import annotations

from collections.abc import Sequence


def media_type(accept: str, offered: Sequence[str]) -> str:
    """The offered type that is wanted most; the first one where none is, or nobody asked."""
    wanted = _parse(accept)
    best, best_rank = offered[0], (0.0, 0)
    for candidate in offered:
        rank = _rank(wanted, candidate)
        if rank > best_rank:
            best, best_rank = candidate, rank
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip was named, and not by q=0. A bare `*` does not make anybody need it."""
    return _parse(accept_encoding).get("gzip", 0.0) > 0.0


def _rank(wanted: dict[str, float], candidate: str) -> tuple[float, int]:
    """(quality, how exactly it was named) by the most exact range that covers the candidate."""
    major = candidate.partition("/")[0]
    for exactness, media_range in ((3, candidate), (2, f"{major}/*"), (1, "*/*")):
        if media_range in wanted:
            quality = wanted[media_range]
            return quality, exactness if quality else 0
    return 0.0, 0


def _parse(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter[2:])
        if name:
            found[name] = max(quality, found.get(name, 0.0))
    return found


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0  # not for nan either
