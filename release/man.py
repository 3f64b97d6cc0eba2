"""Write the man pages: `make man`.

usage: python -m release.man DIRECTORY EPOCH

The options are the parser's, the settings the table's; only what neither can know is said here.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from release import roff
from release.grammar import Option, Verb, verbs
from release.settings import settings_page
from vfioguard import __version__

_DESCRIPTION = """
A virtualization host hands devices to guests through VFIO. The kernel refuses a group with a bare
"Operation not permitted" unless the interrupts of the group are isolated, or somebody set
`allow_unsafe_interrupts`, which switches that protection off for every device. `vfioguard` reads
the host, applies the rule of the kernel that runs there, and names the file and the bit it rests
on.

No command but `try` changes what it judges. None needs root but `try` and `install-units`. What may
not be read is said, never guessed.
"""
_OUTCOMES = (
    ("allowed", "The kernel accepts the attach with every override off."),
    (
        "allowed-by-override",
        "Only `allow_unsafe_interrupts=Y` lets it through; without it the attach is refused.",
    ),
    ("refused", "The attach fails with EPERM."),
    ("unknown", "The evidence does not decide. It is never shown as allowed."),
)
_EXITS = (
    ("0", "Everything that was asked for is `allowed`."),
    ("1", "Something is `allowed-by-override`."),
    ("2", "Something is `refused`."),
    ("3", "Something is `unknown`, or the command failed; 2 wins over 3, and 3 over 1."),
)
_EXAMPLES = (
    ("The whole host, worst first:", "vfioguard report"),
    ("The gate for a script:", "vfioguard check 0000:41:00.0 || exit"),
    ("The proof, down to the files:", "vfioguard explain group:12"),
    ("The facts of this host for a bug report, judged elsewhere:",
     "vfioguard capture host.tar.xz\nvfioguard report --root host.tar.xz"),
)  # fmt: skip
_DAEMON = """
`vfioguard serve` reads the host again and again and serves what `vfioguard report`, `check` and
`explain` say over HTTP, with Prometheus metrics. It serves this machine alone, reads and never
writes, and needs no privilege.

It takes its settings from `/etc/vfioguard.toml`, see `vfioguard.toml`(5), and from the options
below, which win over the file.
"""
_CHECK = """
The gate for `curl -f`: 200 allowed, 409 refused, 404 no such device, 503 unknown. With `?strict=1`
what needs the override is 409 too.
"""
_ROUTES = (
    ("/v1/check/BDF, /v1/check/group:N", _CHECK),
    ("/v1/report, /v1/groups, /v1/devices/BDF", "The report and its parts."),
    ("/metrics", "Prometheus text or OpenMetrics, as `Accept` asks."),
    ("/-/healthy, /-/ready", "The process lives; its answers may be relied on."),
    ("/openapi.json", "Every route, parameter and field (OpenAPI)."),
)
_SIGNALS = """
SIGTERM and SIGINT end it, with status 0, when what is under way has been answered. SIGHUP reads the
host again at once; for changed settings it must be restarted.
"""
_OF = "Of `report`, `check` and `explain`; the other commands say theirs above."


def main(directory: str, epoch: str) -> None:
    """Write all pages."""
    date = time.strftime("%Y-%m-%d", time.gmtime(int(epoch)))
    to = Path(directory)
    to.mkdir(parents=True, exist_ok=True)
    for name, text in pages(date).items():
        (to / name).write_text(text)


def pages(date: str) -> dict[str, str]:
    """Every page by its name; `date` stands at its foot."""
    source = f"vfioguard {__version__}"
    found = {verb.name: verb for verb in verbs()}
    daemon = found.pop("serve")

    def title(name: str, section: int, manual: str) -> str:
        return roff.page(name, section, date, source, manual)

    return {
        "vfioguard.1": title("vfioguard", 1, "User Commands") + _commands(list(found.values())),
        "vfioguard.8": title("vfioguard", 8, "System Administration") + _serve(daemon),
        "vfioguard.toml.5": title("vfioguard.toml", 5, "File Formats") + settings_page(),
    }


def _name(name: str, what: str) -> str:
    return roff.heading("name") + rf"{roff.escape(name)} \- {roff.escape(what)}" + "\n"


def _commands(known: list[Verb]) -> str:
    parts = [_name("vfioguard", "say which IOMMU groups VFIO would refuse on this host, and why")]
    parts += [roff.heading("synopsis"), *map(_synopsis, known)]
    parts += [roff.heading("description"), roff.paragraphs(_DESCRIPTION)]
    parts.append(roff.heading("commands"))
    for verb in known:
        parts.append(roff.subheading(f"vfioguard {verb.name}"))
        parts += [roff.paragraphs(_sentence(verb.help)), *map(_item, _shown(verb))]
        if verb.epilog.startswith("exit status") and "allowed" not in verb.epilog:
            parts.append(roff.paragraphs(_sentence(verb.epilog)))
    parts += [roff.heading("outcomes"), *(roff.tagged(roff.bold(a), b) for a, b in _OUTCOMES)]
    parts += [roff.heading("exit status"), roff.paragraphs(_OF)]
    parts += [roff.tagged(roff.bold(a), b) for a, b in _EXITS]
    parts += [roff.heading("environment"), roff.tagged(roff.bold("NO_COLOR"), "No colour.")]
    parts.append(roff.heading("examples"))
    for what, lines in _EXAMPLES:
        parts += [roff.paragraphs(what), roff.listing(lines.split("\n"))]
    return "".join([*parts, _also("vfioguard(8)", "vfioguard.toml(5)", "lspci(8)")])


def _serve(verb: Verb) -> str:
    parts = [_name("vfioguard", "daemon that says over HTTP which IOMMU groups VFIO would refuse")]
    parts += [roff.heading("synopsis"), _synopsis(verb)]
    parts += [roff.heading("description"), roff.paragraphs(_DAEMON)]
    parts += [roff.heading("options"), *map(_item, _shown(verb))]
    parts += [roff.heading("routes"), *(roff.tagged(roff.bold(a), b) for a, b in _ROUTES)]
    parts += [roff.heading("signals"), roff.paragraphs(_SIGNALS)]
    parts += [roff.heading("exit status")]
    parts += [roff.tagged(roff.bold("0"), "It was told to end.")]
    parts += [roff.tagged(roff.bold("3"), "It could not start; one line on stderr says why.")]
    parts += [roff.heading("files"), roff.tagged(roff.bold("/etc/vfioguard.toml"), "Settings.")]
    return "".join([*parts, _also("vfioguard(1)", "vfioguard.toml(5)", "systemd(1)")])


def _shown(verb: Verb) -> list[Option]:
    return [*verb.positionals, *(one for one in verb.options if "--help" not in one.flags)]


def _synopsis(verb: Verb) -> str:
    rest = [f"[{_form(one)}]" for one in verb.options if "--help" not in one.flags]
    rest += [_form(one) for one in verb.positionals]
    return f".PP\n{roff.bold('vfioguard')} {roff.bold(verb.name)} {' '.join(rest)}\n"


def _form(option: Option) -> str:
    dots = " ..." if option.many else ""
    flags = "|".join(map(roff.bold, option.flags))
    return " ".join(filter(None, [flags, option.metavar and roff.italic(option.metavar)])) + dots


def _item(option: Option) -> str:
    flags = ", ".join(map(roff.bold, option.flags))
    tag = " ".join(filter(None, [flags, option.metavar and roff.italic(option.metavar)]))
    choices = ", ".join(f"`{choice}`" for choice in option.choices)
    one_of = f" One of {choices}." if choices and option.metavar == "NAME" else ""
    return roff.tagged(tag, _sentence(option.help) + one_of)


def _sentence(text: str) -> str:
    if text.split(maxsplit=1)[0].endswith(":"):  # the form of output that it is about
        return f"{text}."
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _also(*names: str) -> str:
    split = [name.rstrip(")").split("(") for name in names]
    return roff.heading("see also") + ", ".join(f"{roff.bold(a)}({b})" for a, b in split) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
