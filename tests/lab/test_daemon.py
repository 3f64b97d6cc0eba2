"""What the guest of a walk gets of Debian's packages."""

from __future__ import annotations

import pytest

from lab import daemon


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("./usr/lib/python3/dist-packages/fastapi/routing.py", "fastapi/routing.py"),
        ("./usr/lib/python3/dist-packages/pydantic_core/_pydantic_core.cpython-313-x.so",
         "pydantic_core/_pydantic_core.cpython-313-x.so"),
        ("./usr/lib/python3.13/asyncio/events.py", "asyncio/events.py"),
        ("./usr/lib/python3.13/json/decoder.py", None),
        ("./usr/lib/python3/dist-packages/fastapi-0.115.11.dist-info/METADATA", None),
        ("./usr/lib/python3/dist-packages/anyio-4.8.0.egg-info/PKG-INFO", None),
        ("./usr/lib/python3/dist-packages/psutil/tests/test_linux.py", None),
        ("./usr/lib/python3/dist-packages/pydantic/v1/fields.py", None),
        ("./usr/share/doc/python3-fastapi/copyright", None),
    ],
)  # fmt: skip
def test_modules_are_taken_and_what_only_a_developer_reads_is_not(
    path: str, kept: str | None
) -> None:
    assert daemon.module(path) == kept
