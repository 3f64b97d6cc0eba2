"""How to change the kernel's command line on a host: the one place of these words."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.inference.host import Host
from vfioguard.kernel.identity.boot_loader import ENTRIES, GRUB, BootLoader
from vfioguard.report import Step

WHERE = "the kernel command line"


def edit(host: Host, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Step:
    """The step that adds and removes words. The words are exact; a reboot is part of it.

    `where` is the file to edit, or the whole command if a program edits it. Where the boot loader
    is not known, it is "the kernel command line".
    """
    site = host.snapshot.site
    loader = BootLoader("") if site is None else site.boot_loader
    way = _WAYS.get(loader.kind)
    step = way(loader, add, remove) if way else None
    return step or Step(_sentence(add, remove, WHERE), WHERE)


def _sentence(add: tuple[str, ...], remove: tuple[str, ...], place: str, then: str = "") -> str:
    parts = [f"remove {_listed(remove)} from {place}"] if remove else []
    if add:
        parts.append(f"add {_listed(add)} to {'it' if remove else place}")
    run = f"run `{then}`, and reboot" if then else "reboot"
    text = f"{', '.join(parts)}, {run}" if then else f"{' and '.join(parts)}, and {run}"
    return f"{text[0].upper()}{text[1:]}."


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(f"`{word}`" for word in words)


def _command(program: str) -> Callable[[str], Step]:
    return lambda command: Step(f"Run the command of {program}, and reboot.", command)


def _grubby(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    """grubby(8): it edits every boot entry, and new kernels inherit the options."""
    words = f' --remove-args="{" ".join(remove)}"' if remove else ""
    words += f' --args="{" ".join(add)}"' if add else ""
    return _command("grubby")(f"grubby --update-kernel=ALL{words}")


def _rpm_ostree(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    words = [f"--delete-if-present={word}" for word in remove]
    words += [f"--append-if-missing={word}" for word in add]
    return _command("rpm-ostree")(f"rpm-ostree kargs {' '.join(words)}")


def _kernelstub(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    """kernelstub(8): each option by itself, the deleted ones first."""
    commands = [f'kernelstub -d "{word}"' for word in remove]
    commands += [f'kernelstub -a "{word}"' for word in add]
    return _command("kernelstub")("; ".join(commands))


def _nixos(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    place = "`boot.kernelParams` of the system's configuration"
    return Step(_sentence(add, remove, place, "nixos-rebuild boot"), "/etc/nixos/configuration.nix")


def _file(loader: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step | None:
    """A file whose one line is the command line. Returns None if it lacks a word to remove."""
    line = loader.lines[0]
    if not set(remove) <= set(line.words):
        return None
    path = line.file
    return Step(_sentence(add, remove, f"the line in {path}", loader.command or ""), path)


def _entries(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    place = "the `options` line of the boot entry"
    return Step(_sentence(add, remove, place), f"{ENTRIES}/*.conf")


def _grub(loader: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step | None:
    """Every variable that holds a word to remove; else the last one that every start gets.

    A later file may set a variable again, so the last assignment counts. Returns None if a word to
    remove is nowhere, because then something else adds it. One that stays anywhere stays in force,
    so no place is left out.
    """
    holds = [line for line in loader.lines if set(remove) & set(line.words)]
    if not set(remove) <= {word for line in holds for word in line.words}:
        return None
    usual = [line for line in loader.lines if line.variable == "GRUB_CMDLINE_LINUX_DEFAULT"]
    lines = holds or [(usual or list(loader.lines))[-1]]
    places = dict.fromkeys(
        line.variable if line.file == GRUB else f"{line.variable} in {line.file}" for line in lines
    )
    if add and len(places) > 1:
        return None  # it would say to add the words to each of them
    files = dict.fromkeys(line.file for line in lines)
    text = _sentence(add, remove, " and ".join(places), loader.command or "")
    return Step(text, " and ".join(files))


_WAYS: dict[str, Callable[[BootLoader, tuple[str, ...], tuple[str, ...]], Step | None]] = {
    "grubby": _grubby,
    "rpm-ostree": _rpm_ostree,
    "kernelstub": _kernelstub,
    "nixos": _nixos,
    "file": _file,
    "entries": _entries,
    "grub": _grub,
}
