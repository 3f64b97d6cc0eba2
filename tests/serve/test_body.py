"""A body that is kept in pieces is one text, and one gzip member."""

from __future__ import annotations

import random
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from vfioguard.serve.answer.body import Body, piece, whole


@given(st.lists(st.binary(max_size=2000) | st.just(b"always the same " * 5000), max_size=20))
@settings(max_examples=200, deadline=None)
def test_the_pieces_are_one_text_and_one_gzip_member(texts: list[bytes]) -> None:
    body = Body(map(piece, texts))
    text = b"".join(texts)
    assert body.size == len(text)
    plain, packed = body.plain(), body.gzip()
    assert b"".join(plain.parts) == text
    assert plain.size == len(text)
    sent = list(packed.parts)
    assert packed.size == sum(map(len, sent))
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)  # it checks the CRC and the size
    assert inflate.decompress(b"".join(sent)) == text
    assert inflate.eof
    assert inflate.unused_data == b""


def test_a_large_text_is_never_held_as_one() -> None:
    body = whole(bytes(1_000_000))
    assert max(map(len, body.plain().parts)) <= 65536


def test_small_pieces_are_sent_together_and_large_ones_are_not() -> None:
    noise = random.Random(1).randbytes
    body = Body(piece(noise(3000)) for _ in range(100))
    lengths = [len(part) for part in body.gzip().parts]
    assert len(lengths) < 8
    assert max(lengths) <= 65536
