"""How to change the kernel's command line on a host: the one place of these words."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.boot_loader import ENTRIES, GRUB, LIMINE, BootLoader, Line
from vfioguard.report import Step

WHERE = "the kernel command line"


def edit(host: Host, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Step:
    """The step that adds and removes words. The words are exact; a reboot is part of it.

    `where` is the file to edit, or the whole command if a program edits it. Where the boot loader
    is not known, it is "the kernel command line".
    """
    site = host.snapshot.site
    loader = BootLoader("") if site is None else site.boot_loader
    if add and not remove and (step := _forgotten(host, loader, add)):
        return step
    way = _WAYS.get(loader.kind)
    step = way(loader, add, remove) if way else None
    return step or Step(_sentence(add, remove, WHERE), WHERE)


def _forgotten(host: Host, loader: BootLoader, add: tuple[str, ...]) -> Step | None:
    """The step if the file has the words, and nobody applied or booted it since."""
    running = host.snapshot.kernel.cmdline
    if not isinstance(running, Fact) or set(add) <= set(running.value):
        return None
    lines = _in_force(loader)
    if not set(add) <= {word for line in lines for word in line.words}:
        return None
    holds = [line for line in lines if set(add) & set(line.words)]
    files = " and ".join(dict.fromkeys(line.file for line in holds))
    verb = "is" if len(add) == 1 else "are"
    then = f"run `{loader.command}`, and reboot" if loader.command else "reboot"
    return Step(f"{_listed(add)} {verb} in {files} already: {then}.", files)


def _in_force(loader: BootLoader) -> list[Line]:
    """The lines that count: of those that set the same variable, the last."""
    return list({line.variable: line for line in loader.lines}.values())


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


def _machine_config(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    """OpenShift: the operator owns the nodes, and undoes what somebody changes on one."""
    place = "`kernelArguments` of a MachineConfig for this node's pool"
    text = _sentence(add, remove, place).removesuffix(", and reboot.")
    return Step(f"{text}: its operator reboots the nodes.", "MachineConfig: spec.kernelArguments")


def _bootc(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    """The documentation of bootc, "Kernel arguments": files of the image hold them.

    They do not hold what was given at the installation, so nobody knows where a word to remove is.
    """
    if remove:
        return Step(_sentence(add, remove, WHERE), WHERE)
    place = "`kargs` in a file of the image's /usr/lib/bootc/kargs.d"
    return Step(_sentence(add, remove, place, "bootc upgrade"), "/usr/lib/bootc/kargs.d/*.toml")


def _truenas(_: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    """TrueNAS keeps the options in its database, and the command sets all of them."""
    words = " ".join(("OPTIONS", *add))
    without = f" without {_listed(remove)}" if remove else ""
    return Step(
        "Run the command of TrueNAS, and reboot. OPTIONS are those that "
        f"`midclt call system.advanced.config` shows as kernel_extra_options{without}.",
        f"""midclt call system.advanced.update '{{"kernel_extra_options": "{words}"}}'""",
    )


def _limine(loader: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    if remove:  # the word may stand in another file
        return _other(loader, add, remove)
    place = f"`KERNEL_CMDLINE[default]` in {LIMINE}"
    return Step(_sentence(add, remove, place, loader.command or ""), LIMINE)


def _other(loader: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step:
    place = f"the kernel command line in the configuration of {loader.name}"
    return Step(_sentence(add, remove, place), WHERE)


def _file(loader: BootLoader, add: tuple[str, ...], remove: tuple[str, ...]) -> Step | None:
    """A file whose one line is the command line. Returns None if it lacks a word to remove."""
    line = loader.lines[0]
    if not set(remove) <= set(line.words):
        return None
    path = line.file
    return Step(_sentence(add, remove, f"the first line of {path}", loader.command or ""), path)


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
    "machine-config": _machine_config,
    "bootc": _bootc,
    "truenas": _truenas,
    "limine": _limine,
    "other": _other,
    "file": _file,
    "entries": _entries,
    "grub": _grub,
}
