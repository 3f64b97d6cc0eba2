"""Lay the files of a package below build/FORMAT, for nfpm to pack: `make deb`, `make rpm`.

usage: python -m release.package.tree FORMAT WHEEL SBOM REQUIREMENTS EPOCH ARCH

FORMAT is deb or rpm. WHEEL is vfioguard's own and SBOM its bill of materials; REQUIREMENTS are the
locked versions of what it needs, with their hashes; EPOCH is the Unix time that every file gets,
ARCH Debian's name of the architecture. What only one format has is in release/FORMAT.

Dependencies come along, below /usr/lib/vfioguard: docs/install.md says why.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from release.package import libraries
from release.package.files import BUILD, DOC, LIB, REPOSITORY, compressed, install, settle

#: By suffix of what lies in systemd/; anything else there is an example for administrators.
UNITS = (".service", ".socket", ".timer")


def main(kind: str, wheel: str, sbom: str, requirements: str, epoch: str, arch: str) -> None:  # noqa: PLR0913, PLR0917 - the words of a command line
    """Lay all of it."""
    top = BUILD / kind
    root = top / "files"
    shutil.rmtree(top, ignore_errors=True)
    own = importlib.import_module(f"release.{kind}.own")
    libraries.lay(root / LIB, wheel, requirements, arch)
    install(REPOSITORY / "release" / kind / "vfioguard", root / "usr/bin/vfioguard", 0o755)
    units = systemd(root, sorted((REPOSITORY / "systemd").glob("*")))
    generated(root, own.ZSH)
    documents(root)
    version = f"{Path(wheel).name.split('-')[1]}-1"
    own.lay(root, version, int(epoch))
    install(Path(sbom), root / DOC / Path(sbom).name)
    every = {"Apache-2.0"}  # our own
    for info in libraries.infos(root / LIB):
        every.update(libraries.terms(libraries.metadata(info)).split(" AND "))
    words = {"LICENSES": " AND ".join(sorted(every)), "MARKED": own.marked(top)}
    substituted(top, own.SCRIPTS, words | named(units) | {"FORMAT": kind})
    shutil.copyfile(BUILD / "vfioguard.toml", top / "vfioguard.toml")
    settle(top, root / "usr/bin", int(epoch))


def systemd(root: Path, files: Iterable[Path]) -> list[str]:
    """The units, sysusers and examples; returns the names of the units."""
    units: list[str] = []
    for file in files:
        if file.suffix in UNITS:
            install(file, root / f"usr/lib/systemd/system/{file.name}")
            units.append(file.name)
        elif file.suffix in {".sysusers", ".tmpfiles"}:
            install(file, root / f"usr/lib/{file.suffix[1:]}.d/{file.stem}.conf")
        else:
            install(file, root / f"{DOC}/examples/{file.name}")
    return units


def generated(root: Path, zsh: str) -> None:
    """Man pages and completions, where `make man completion` made them."""
    share = root / "usr/share"
    for page in sorted((BUILD / "man").glob("*")):
        compressed(page.read_bytes(), share / f"man/man{page.suffix[1:]}/{page.name}.gz")
    completion = BUILD / "completion"
    install(completion / "vfioguard.bash", share / "bash-completion/completions/vfioguard")
    install(completion / "_vfioguard", share / zsh / "_vfioguard")
    install(completion / "vfioguard.fish", share / "fish/vendor_completions.d/vfioguard.fish")


def documents(root: Path) -> None:
    """Our own documents."""
    for file in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*"))]:
        install(file, root / DOC / file.relative_to(REPOSITORY))
    if (REPOSITORY / "contrib").is_dir():
        install(REPOSITORY / "contrib", root / DOC / "contrib")


def named(units: list[str]) -> dict[str, str]:
    """The units by what a script does with them.

    What writes a textfile instead of serving is for those who choose it: it is not enabled.
    """
    units = sorted(units, key=lambda unit: unit.endswith(".service"))  # sockets first
    has_install = [
        unit for unit in units if "\n[Install]\n" in (REPOSITORY / "systemd" / unit).read_text()
    ]
    enabled = [unit for unit in has_install if "-report." not in unit]
    services = [unit for unit in has_install if unit.endswith(".service")]
    return {
        "UNITS": " ".join(units), "ENABLED": " ".join(enabled), "SERVICES": " ".join(services),
    }  # fmt: skip


def substituted(top: Path, scripts: Iterable[str], words: dict[str, str]) -> None:
    """nfpm.yaml and the maintainer scripts, with each @WORD@ replaced."""
    own = [REPOSITORY / "release" / top.name / name for name in scripts]
    for file in (Path(__file__).with_name("nfpm.yaml"), *own):
        text = file.read_text()
        for word, instead in words.items():
            text = text.replace(f"@{word}@", instead)
        (top / file.name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
