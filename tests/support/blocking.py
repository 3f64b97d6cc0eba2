"""What blockers say of the first group of a synthetic host."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.support.functions import Function, home
from tests.support.hosts import Groups, x86_host
from vfioguard.attach import Attachment
from vfioguard.blocker import Attempt
from vfioguard.fact import Reading
from vfioguard.judging.attachments import all_blocked
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import GroupReport, Holder
from vfioguard.root.memory import Entry, Memory

NIC = "0000:01:00.0"
#: A kernel that may have any change of later ones.
EL8, EL9 = "4.18.0-553.el8_10.x86_64", "5.14.0-427.el9.x86_64"


class Said(NamedTuple):
    """What a blocker says: `blocks` is None if it is not known whether it blocks."""

    errno: str | None
    call: str
    blocks: bool | None


def said(
    host: Mapping[str, Entry],
    blocker: str,
    *,
    backend: str = "type1",
    names: tuple[str, ...] = (NIC,),
    as_is: bool = False,
    holders: tuple[Holder, ...] = (),
    overrides: Mapping[str, Reading[str]] = MappingProxyType({}),
) -> list[Said]:
    """What a blocker says of an attach of `names`, which are bound for it unless `as_is`."""
    judged = judge(take(Memory(host)), "now")
    members = next(
        each for each in judged.snapshot.members if names[0] in {d.name for d in each.devices}
    )
    used = tuple([device for device in members.devices if device.name in names])
    attempt = Attempt(
        host=judged.host,
        members=members,
        backend=backend,
        binding=() if as_is else used,
        used=used,
        as_is=as_is,
        holders=holders,
        overrides=overrides,
    )
    return [
        Said(each.errno, each.call, each.because.truth)
        for kind, each in all_blocked(attempt)
        if kind.name == blocker
    ]


def group(host: Mapping[str, Entry], number: int = 0) -> GroupReport:
    """The report on a group."""
    report = judge(take(Memory(host)), "now").report
    return next(each for each in report.groups if each.id == number)


def attachment(host: Mapping[str, Entry], backend: str = "type1", number: int = 0) -> Attachment:
    """The attachment of a group through a backend that the kernel has."""
    whole = dict(group(host, number).attachments)[backend]
    assert whole is not None, f"this kernel has no {backend}"
    return whole


def one_group(*members: Function | str, **options: object) -> dict[str, Entry]:
    """An x86 host of one group; `options` are those of `x86_host`."""
    groups: Groups = {0: members or (NIC,)}
    return x86_host(groups, **options)  # type: ignore[arg-type]


def with_id(host: dict[str, Entry], name: str, identity: str) -> dict[str, Entry]:
    """The host with another PCI id for a function ("8086:37C8")."""
    path = f"{home(Function(name))}/uevent"
    raw = host[path]
    assert isinstance(raw, bytes)
    return host | {path: raw.replace(b"8086:10D3", identity.encode())}


def config(host: dict[str, Entry], *lines: str) -> dict[str, Entry]:
    """The host whose kernel was built with these lines, too: "CONFIG_VFIO_DEVICE_CDEV=y"."""
    path = next(path for path in host if path.startswith("/boot/config-"))
    raw = host[path]
    assert isinstance(raw, bytes)
    words = {line.removeprefix("# ").partition("=")[0].partition(" ")[0] for line in lines}
    kept = [
        line
        for line in raw.decode().splitlines()
        if line.removeprefix("# ").partition("=")[0].partition(" ")[0] not in words
    ]
    return host | {path: "".join(f"{line}\n" for line in [*kept, *lines]).encode()}
