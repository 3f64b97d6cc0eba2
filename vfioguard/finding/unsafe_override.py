"""`allow_unsafe_interrupts` is on: the protection is off for every device of the host."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    for backend in ("type1", "iommufd"):
        if host.has_backend(backend):
            override = host.override(backend)
            if override.truth is True:
                yield Found(f"{override.claim}: no attach is refused for its interrupts", override)


FINDING = Finding("unsafe_override", "warning", _find)
