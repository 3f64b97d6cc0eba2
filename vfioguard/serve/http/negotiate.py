"""Accept and Accept-Encoding (RFC 9110 section 12.5). An odd header is ignored."""

from __future__ import annotations

from collections.abc import Sequence


def media_type(accept: str, offered: Sequence[str]) -> str:
    """The offered type that the client wants most; the first if it wants none or does not say."""
    wanted = _parse(accept)
    best, best_rank = offered[0], (0.0, 0)
    for candidate in offered:
        rank = _rank(wanted, candidate)
        if rank > best_rank:
            best, best_rank = candidate, rank
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client names gzip, with another weight than 0. A bare `*` is not enough."""
    return _parse(accept_encoding).get("gzip", 0.0) > 0.0


def _rank(wanted: dict[str, float], candidate: str) -> tuple[float, int]:
    """The weight of the most exact range that covers the candidate, and how exact that is."""
    major = candidate.partition("/")[0]
    for exactness, media_range in ((3, candidate), (2, f"{major}/*"), (1, "*/*")):
        if media_range in wanted:
            quality = wanted[media_range]
            return quality, exactness if quality else 0
    return 0.0, 0


def _parse(header: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter[2:])
        if name:
            weights[name] = max(quality, weights.get(name, 0.0))
    return weights


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0  # nan too
