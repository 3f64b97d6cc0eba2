"""Makes everything that documents say about the settings from their table: `make documents`.

usage: python -m release.settings FILE...

Writes the example to a name that ends in `.toml`, and docs/configuration.md to one in `.md`.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from release import roff
from vfioguard.cli.settings.kinds import SWITCH, Setting, toml
from vfioguard.cli.settings.table import SETTINGS

_INTRO = """
`/etc/vfioguard.toml` holds the settings of the daemon, `vfioguard serve`, in TOML. Each setting is
also an option of `vfioguard serve`, the same word with `--` before it. An option wins over the
file, and the file wins over the default.

The daemon does not start with an unknown key or a wrong value. It names the line and the nearest
right key. `vfioguard serve --config.check` reads the file and prints each value that would be in
force, and where it comes from. It serves nothing, so you can try a file before you install it.

Only the daemon reads the file. `vfioguard report`, `check` and `explain` have only their options.
So a gate depends on its command line alone.
"""
_HEAD = """# The settings of `vfioguard serve`. See vfioguard.toml(5).
#
# Every line with a setting is a comment: its default, or an example where there
# is none.
# Try a change with: vfioguard serve --config.check
"""
_WIDTH = 80


def example(settings: Iterable[Setting] = SETTINGS) -> str:
    """/etc/vfioguard.toml as it is installed: it sets nothing."""
    tables: dict[tuple[str, ...], list[Setting]] = {}
    for setting in settings:
        tables.setdefault(setting.path[:-1], []).append(setting)
    parts = [_HEAD]
    for table, members in sorted(tables.items()):
        if table:
            parts.append(f"\n[{'.'.join(table)}]\n")
        parts += [_commented(one) for one in members]
    return "".join(parts)


def _commented(setting: Setting) -> str:
    text = "\n\n".join([setting.doc, _facts(setting)]).replace("`", "")
    lines = [
        line
        for part in text.split("\n\n")
        for line in ["#", *textwrap.wrap(part, _WIDTH, initial_indent="# ", subsequent_indent="# ")]
    ][1:]
    return "\n" + "\n".join([*lines, f"#{setting.path[-1]} = {toml(_sample(setting))}"]) + "\n"


def _sample(setting: Setting) -> object:
    return setting.example if setting.default is None else setting.default


def _facts(setting: Setting) -> str:
    kind = (
        f"an array; each is {setting.kind.article}" if setting.repeatable else setting.kind.article
    )
    choices = ", ".join(f"`{one}`" for one in setting.kind.choices)
    one_of = f": {choices}" if choices else ""
    default = "none" if setting.default is None else f"`{toml(setting.default)}`"
    return f"It is {kind}{one_of}. Default: {default}."


def configuration(settings: Iterable[Setting] = SETTINGS) -> str:
    """docs/configuration.md."""
    return "\n".join(["# Configuration", _INTRO, *_rows(list(settings))]).rstrip() + "\n"


def _rows(settings: list[Setting]) -> Iterator[str]:
    yield "| setting | default | what |"
    yield "|---|---|---|"
    for one in settings:
        default = "" if one.default is None else f"`{toml(one.default)}`"
        yield f"| [`{one.key}`](#{re.sub('[^a-z0-9-]', '', one.key)}) | {default} | {one.help} |"
    for one in settings:
        # Pipes need no escape outside the table, and no setting's help has one.
        yield f"\n## {one.key}\n"
        yield from (textwrap.fill(part, 100) + "\n" for part in one.doc.split("\n\n"))
        yield textwrap.fill(_facts(one), 100) + "\n"
        table = f"[{'.'.join(one.path[:-1])}]\n" if one.path[1:] else ""
        yield f"```toml\n{table}{one.path[-1]} = {toml(_sample(one))}\n```"
        yield f"```sh\n{_command(one)}\n```"


def _command(setting: Setting) -> str:
    sample = _sample(setting)
    items = cast("tuple[object, ...]", sample) if setting.repeatable else (sample,)
    if setting.kind is SWITCH:
        return f"vfioguard serve {setting.flag}"
    words = [item if isinstance(item, str) else toml(item) for item in items]
    return " ".join(["vfioguard serve", *(f"{setting.flag} {word}" for word in words)])


def settings_page(settings: Iterable[Setting] = SETTINGS) -> str:
    """vfioguard.toml(5) but for its title."""
    parts = [roff.heading("name"), r"vfioguard.toml \- settings of the vfioguard daemon" + "\n"]
    parts += [roff.heading("synopsis"), roff.bold("/etc/vfioguard.toml") + "\n"]
    parts += [roff.heading("description"), roff.paragraphs(_INTRO), roff.heading("settings")]
    for one in settings:
        tag = f"{roff.bold(one.key)} = {roff.italic(one.metavar or 'true|false')}"
        parts.append(roff.tagged(tag, f"{one.doc}\n\n{_facts(one)}"))
    parts += [roff.heading("examples"), roff.listing(_example_lines())]
    also = [f"{roff.bold('vfioguard')}({section})" for section in (8, 1)]
    return "".join([*parts, roff.heading("see also"), ", ".join(also), "\n"])


def _example_lines() -> list[str]:
    return ["interval = 30", "", "[web]", 'listen-address = ["127.0.0.1:18346", "[::1]:18346"]']


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(configuration() if name.endswith(".md") else example())
