"""/sys/module/M/parameters/P of the VFIO modules, and the values that loading a module would set.

drivers/vfio/vfio_iommu_type1.c, drivers/iommu/iommufd/device.c, drivers/vfio/group.c. A module that
is not loaded has no such file. Its value will come from modprobe.d(5) and from the kernel's command
line, which modprobe applies last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why
from vfioguard.root import Root, listing, reading
from vfioguard.typed import NamedTuple

#: modprobe.d(5): a file masks those of the same name in later directories.
MODPROBE_D = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_LIMIT = 64 << 10

_OPTIONS = rb"(?m)^[ \t]*(options|install)[ \t]+(vfio[\w-]*|iommufd)[ \t]+(\S.*)$"
#: The parameters that somebody asks for. Other words of a line may be private.
_READ = frozenset({b"allow_unsafe_interrupts", b"enable_unsafe_noiommu_mode"})
_CONTINUED = b"\\\n"  # joined without a blank: kmod's getline_wrapped()


class Parameter(NamedTuple):
    """A parameter of a module.

    `current` is the file's value. `pending` is the value that loading the module would set, or None
    if the file is there.
    """

    module: str
    name: str
    current: Reading[bool]
    pending: Reading[bool] | None

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def effective(self) -> Reading[bool]:
        """The value that an attach would meet now."""
        return self.current if self.pending is None else self.pending


def parse(raw: bytes) -> bool:
    r"""param_get_bool(): "Y\n" or "N\n"."""
    value = raw.strip()
    if value not in {b"Y", b"N"}:
        raise Malformed(f"not a bool parameter: {raw[:16]!r}")
    return value == b"Y"


def read(root: Root, module: str, name: str, cmdline: Reading[tuple[str, ...]]) -> Parameter:
    """The bool parameter `name` of `module`; `cmdline` are the kernel's options."""
    current = reading(root, f"/sys/module/{module}/parameters/{name}", parse)
    if not isinstance(current, Gap) or current.why is not Why.ABSENT:
        return Parameter(module=module, name=name, current=current, pending=None)
    return Parameter(
        module=module, name=name, current=current, pending=_pending(root, module, name, cmdline)
    )


def modules(root: Root, parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """A loaded module of VFIO, if no parameter shows that a module is loaded; else nothing.

    A kernel without no-IOMMU mode and type1 has no such parameter, for instance on RISC-V and
    POWER. A recording may have `vfio_pci` and lack `vfio`.
    """
    if any(parameter.pending is None for parameter in parameters):
        return ()
    for name in ("vfio", "vfio_pci"):
        if isinstance(listing(root, f"/sys/module/{name}"), Fact):
            return (name,)
    return ()


def _pending(
    root: Root, module: str, name: str, cmdline: Reading[tuple[str, ...]]
) -> Reading[bool]:
    if isinstance(cmdline, Gap):
        return cmdline
    configured = from_cmdline(cmdline, f"{module}.{name}")
    if configured is not None:
        return configured
    configured = from_modprobe_d(root, module, name)
    if configured is not None:
        return configured
    # A bool that no option sets is N. The raw text says where options were looked for.
    return Fact(False, b"not loaded, no option sets it", f"{MODPROBE_D[0]}, {cmdline.source}")


def from_cmdline(cmdline: Fact[tuple[str, ...]], parameter: str) -> Reading[bool] | None:
    """What the command line sets a bool such as "vfio.x" to; None if nothing. The last counts."""
    for word in reversed(cmdline.value):
        key, equals, value = word.partition("=")
        if key.replace("-", "_") == parameter:
            return _truth(value if equals else "y", word.encode(), cmdline.source)
    return None


def kstrtobool(value: str) -> bool | None:
    """How the kernel reads a word as a bool. Returns None if it is not a bool.

    lib/kstrtox.c kstrtobool() looks at the first letter, and at the second in "on" and "off".
    """
    lower = value.lower()
    return _LETTERS.get(lower[:2] if lower.startswith("o") else lower[:1])


def _truth(value: str, raw: bytes, source: str) -> Reading[bool]:
    truth = kstrtobool(value)
    if truth is None:
        return Gap(Why.MALFORMED, source, f"not a bool: {value!a:.32}")
    return Fact(truth, raw, source)


_LETTERS = {
    **dict.fromkeys(("y", "t", "1", "on"), True),
    **dict.fromkeys(("n", "f", "0", "of"), False),
}


def from_modprobe_d(root: Root, module: str, name: str) -> Reading[bool] | None:
    """What modprobe.d sets a bool parameter to when the module loads; None if nothing sets it."""
    answer: Reading[bool] | None = None
    for _, path in sorted(_files(root), key=lambda file: file[0]):
        if isinstance(path, Gap):
            return path
        options = reading(root, path, lambda raw: raw, _LIMIT, select)
        if isinstance(options, Gap):
            if options.why is Why.ABSENT:
                continue
            return options
        for match in re.finditer(_OPTIONS, options.raw):
            if match[2].decode().replace("-", "_") != module:
                continue
            if match[1] == b"install":
                return Gap(Why.MALFORMED, path, f"a command of its own loads {module}")
            for word in match[3].decode("ascii", "replace").split():
                key, equals, value = word.replace('"', "").partition("=")
                if key.replace("-", "_") == name:
                    answer = _truth(value if equals else "y", match[0], path)
    return answer


def _files(root: Root) -> list[tuple[str, str | Gap]]:
    """(name, path) of each file that counts. A directory that cannot be read is ("", its gap)."""
    files: dict[str, str | Gap] = {}
    for directory in MODPROBE_D:
        names = listing(root, directory)
        if isinstance(names, Gap):
            if names.why is not Why.ABSENT:
                files.setdefault("", names)
            continue
        for name in names.value:
            if name.endswith(".conf") and not name.startswith("."):
                files.setdefault(name, f"{directory}/{name}")
    return list(files.items())


def select(raw: bytes) -> bytes:
    """Keep what sets the parameters that are read, in one line for each line that does."""
    joined = raw.replace(_CONTINUED, b"")
    return b"".join(filter(None, map(_kept, re.finditer(_OPTIONS, joined))))


def _kept(line: re.Match[bytes]) -> bytes:
    """The line as it is kept, or nothing.

    The command of an `install` line is private, and so is any other word of `options`. modprobe.d
    has no comment behind a setting: kmod hands each word to the kernel, those after a # as well.
    """
    if line[1] == b"install":
        return b"install %s (a command)\n" % line[2]
    plain = line[3].replace(b'"', b"").replace(b"-", b"_")
    if not any(name in plain for name in _READ):  # as of nearly every line, however long
        return b""
    words = [word for word in line[3].split() if _name(word) in _READ]
    return b" ".join((b"options", line[2], *words)) + b"\n" if words else b""


def _name(word: bytes) -> bytes:
    return word.replace(b'"', b"").partition(b"=")[0].replace(b"-", b"_")
