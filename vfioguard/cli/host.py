"""What the verbs share: reading the host of `--root`, and how its report is shown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from vfioguard import wording
from vfioguard.cli.failure import Failure
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.devices import PCI, is_pci
from vfioguard.reading.take import take
from vfioguard.report import Choice, GroupReport, Report, UngroupedDevice
from vfioguard.root import Root
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import open_root
from vfioguard.root.patience import NoAnswer, Patience
from vfioguard.snapshot import Snapshot
from vfioguard.target import may_be_interface, spelled
from vfioguard.typed import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from vfioguard.device_facts import DeviceFacts
    from vfioguard.output import Style

T = TypeVar("T")


def read_report(
    options: argparse.Namespace, patience: Patience | None = None, *, findings: bool = True
) -> Report:
    """Read and judge the host of `--root`. Raises what `read` does."""
    snapshot = read(options, take, patience)
    return evaluate(snapshot, wording.now(), chosen(options), findings=findings)


def interfaces(options: argparse.Namespace, targets: Iterable[str]) -> dict[str, str]:
    """The functions of those `targets` that are names of network interfaces.

    A capture has none. Raises what `read` does.
    """
    asked = {target for target in targets if may_be_interface(target)}
    if not asked or not os.path.isdir(options.root):
        return {}
    from vfioguard.kernel.roles.network import function_of

    def functions(root: Root) -> dict[str, str]:
        named = {name: function_of(root, name) for name in sorted(asked)}
        return {name: function for name, function in named.items() if function is not None}

    return read(options, functions)


def read_for(
    options: argparse.Namespace, targets: Iterable[str], known: Mapping[str, str]
) -> Snapshot:
    """Read what decides about `targets`: their groups if possible, else the whole host.

    `known` are the functions of `interfaces`. Raises what `read` does.
    """
    distinct = dict.fromkeys([known.get(target, target) for target in targets])
    if not os.path.isdir(options.root):
        return read(options, take)
    whole = _with_domains(
        options, [target for target in distinct if target.count(":") == 1 and "." in target]
    )
    named = dict.fromkeys([_addressed(whole.get(target, target)) for target in distinct])
    if None in named:
        return read(options, take)
    from vfioguard.reading.some import Asked, take_for

    asked = Asked(
        functions=[name for name in named if isinstance(name, str)],
        groups=[number for number in named if isinstance(number, int)],
        pinned=chosen(options).policy is not None,
    )
    return read(options, lambda root: take_for(root, asked))


def _with_domains(options: argparse.Namespace, targets: list[str]) -> dict[str, str]:
    """The functions of those `targets` that lack a domain, if only one domain has the address.

    Raises what `read` does.
    """
    if not targets:
        return {}
    from vfioguard.bdf import parse_bdf  # it compiles patterns

    short = {target: target.lower() for target in targets if parse_bdf(target) is not None}
    if not short:
        return {}

    def functions(root: Root) -> list[str]:
        try:
            return root.listdir(PCI)
        except OSError:
            return []

    names: dict[str, list[str]] = {own: [] for own in short.values()}
    for name in read(options, functions):
        own = name.partition(":")[2]
        if own in names:
            names[own].append(name)
    return {target: names[own][0] for target, own in short.items() if len(names[own]) == 1}


def _addressed(target: str) -> str | int | None:
    """The PCI function or the group that a target names by its full address or number.

    Returns None for any other target: only a Report tells what it names.
    """
    name = spelled(target)
    if is_pci(name):
        return name
    kind, _, number = name.partition(":")
    if kind == "group":
        plain = number.isascii() and number.isdecimal() and len(number) < 10
        return int(number) if plain and str(int(number)) == number else None
    if name.count(":") != 2:
        return None
    from vfioguard.bdf import parse_bdf  # it compiles patterns

    bdf = parse_bdf(name)
    return None if bdf is None else str(bdf)


def holding(
    options: argparse.Namespace, groups: list[GroupReport], dev: str = "/dev/vfio"
) -> list[GroupReport]:
    """The groups with the processes that have them open, where this host's /proc shows them.

    `dev` is the directory of the device nodes.
    """
    if options.root != "/" or not any(group.on_vfio for group in groups):
        return groups
    from vfioguard.judging.holding import held_by
    from vfioguard.reading.holders import group_of, look, plain_holder, running

    # We and the process that stands by may have inherited a node, and do not keep it.
    own = {os.getpid()} if options.work.alive is None else {os.getpid(), os.getppid()}

    def others() -> list[int]:
        return [pid for pid in running() if pid not in own]

    held = read(
        options,
        lambda root: look(lambda path: group_of(root, path, dev), others(), plain_holder),
    )
    return [held_by(group, held.of(group.id)) if group.on_vfio else group for group in groups]


def facts_of(
    options: argparse.Namespace,
    snapshot: Snapshot,
    places: Iterable[GroupReport | UngroupedDevice],
) -> dict[str, DeviceFacts]:
    """Read what devices are, beside what decides: those of groups, and some in none.

    Raises what `read` does.
    """
    names = [
        device.name
        for place in places
        for device in (place.devices if isinstance(place, GroupReport) else (place,))
    ]
    return facts_by_name(options, snapshot, names)


def facts_by_name(
    options: argparse.Namespace, snapshot: Snapshot, names: Sequence[str]
) -> dict[str, DeviceFacts]:
    """Read what these devices are, beside what decides. Raises what `read` does."""
    from vfioguard.judging.described import described
    from vfioguard.reading.facts import facts

    return described(snapshot, read(options, lambda root: facts(root, names)))


def read(
    options: argparse.Namespace, reader: Callable[[Root], T], patience: Patience | None = None
) -> T:
    """Call `reader` with the host of `--root` and return its result.

    A read that never returns costs one fact, and `reader` is called again without it. Pass the
    same `patience` each time if the host is read more than once. Raises `CannotOpen`, or `Failure`
    if too many reads hang.
    """
    return read_at(options.root, reader, options.work.hung, tables(options), patience)


def read_at(
    path: str,
    reader: Callable[[Root], T],
    hung: list[str],
    handed: str = "",
    patience: Patience | None = None,
) -> T:
    """Call `reader` with the host at `path` and return its result.

    `hung` gets the paths at which a thread still hangs, `handed` is a directory of ACPI tables.
    """
    if not os.path.isdir(path):
        return reader(open_root(path, handed))
    waiting = patience or Patience(Marks(directory(), path))
    try:
        return waiting.run(lambda door: reader(open_root(path, handed, door)))
    except NoAnswer as error:
        raise Failure(f"{path}: {error}") from error
    finally:
        hung += waiting.hung


def assumed(options: argparse.Namespace, snapshot: Snapshot) -> tuple[Snapshot, tuple[str, ...]]:
    """The host as `--what-if` and `--kernel` assume it, and what they assume. Raises `Failure`."""
    states = tuple(options.what_if)
    if not states and options.kernel is None:
        return snapshot, ()
    from vfioguard.assumption import NotHere
    from vfioguard.judging.what_if import assume

    try:
        changed = assume(snapshot, states, options.kernel)
    except NotHere as error:
        raise Failure(str(error)) from error
    return changed, (*states, *([f"kernel {options.kernel}"] if options.kernel else ()))


def evaluate_assumed(options: argparse.Namespace, snapshot: Snapshot) -> Report:
    """Judge the host as it is assumed, with what differs from the host as it is.

    For JSON, functions in no group have the names of their causes; no other form shows them.
    """
    report = evaluate(snapshot, wording.now(), chosen(options))
    changed, states = assumed(options, snapshot)
    if not states:
        return _named(options, snapshot, report)
    from vfioguard.judging.what_if import assuming

    other = _named(options, changed, evaluate(changed, wording.now(), chosen(options)))
    return assuming(states, report, other)


def _named(options: argparse.Namespace, snapshot: Snapshot, report: Report) -> Report:
    if options.output != "json" or not report.ungrouped:
        return report
    from vfioguard.inference.host import Host
    from vfioguard.judging.causes import with_ungrouped

    return with_ungrouped(Host(snapshot), report)


def chosen(options: argparse.Namespace) -> Choice:
    """What `--policy` and `--backend` ask for."""
    return Choice(options.policy, getattr(options, "backend", None))


def name(options: argparse.Namespace) -> str:
    """The name of the host that is read; "" if it is not this one."""
    from vfioguard.fact import printable

    return printable(os.uname().nodename) if options.root == "/" else ""


def tables(options: argparse.Namespace) -> str:
    """The directory of ACPI tables that somebody handed over, or "".

    systemd sets the variable in the unit (systemd.exec(5)). Its tables are those of this host.
    """
    given: str | None = options.acpi_tables
    if given is None and options.root == "/":
        given = os.environ.get("CREDENTIALS_DIRECTORY")
    return given or ""


def style(*, every_group: bool = False) -> Style:
    """The style of standard output: in colour if it is a terminal and NO_COLOR is not set.

    See no-color.org.
    """
    from vfioguard.output import Style  # `check` has none

    tty = sys.stdout.isatty()
    width = (os.get_terminal_size(sys.stdout.fileno()).columns if tty else 0) or 80
    color = tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(width, 40), color, every_group)
