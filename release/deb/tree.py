"""Lay the files of the Debian package below build/deb, for nfpm to pack: `make deb`.

usage: tree.py WHEEL SBOM REQUIREMENTS EPOCH ARCH

WHEEL is vfioguard's own and SBOM its bill of materials; REQUIREMENTS are the locked versions of
what it needs, with their hashes; EPOCH is the Unix time that every file gets, ARCH Debian's name
of the architecture.

Dependencies come along, below /usr/lib/vfioguard: Debian 12 has FastAPI 0.92 on pydantic 1,
prometheus-client 0.16, psutil 5.9 and pyudev 0.24.0, all older than pyproject.toml asks for.
"""

from __future__ import annotations

import email.parser
import email.utils
import gzip
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
HERE = REPOSITORY / "release" / "deb"
BUILD = REPOSITORY / "build"
DEB = BUILD / "deb"
ROOT = DEB / "files"
LIB = "usr/lib/vfioguard"
DOC = "usr/share/doc/vfioguard"
#: As nfpm.yaml says: the Python of Debian 12.
PYTHON = "3.11"
PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
#: By suffix of what lies in systemd/; anything else there is an example for administrators.
UNITS = (".service", ".socket", ".timer")
#: What an installer notes about itself.
NOISE = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")


def main(wheel: str, sbom: str, requirements: str, epoch: str, arch: str) -> None:
    """Lay all of it."""
    shutil.rmtree(DEB, ignore_errors=True)
    libraries(wheel, requirements, arch)
    install(HERE / "vfioguard", "usr/bin/vfioguard", 0o755)
    install(HERE / "lintian-overrides", "usr/share/lintian/overrides/vfioguard")
    units = systemd(sorted((REPOSITORY / "systemd").glob("*")))
    generated()
    version = Path(wheel).name.split("-")[1]
    documents(f"{version}-1", int(epoch))
    install(Path(sbom), f"{DOC}/{Path(sbom).name}")
    scripts(units)
    shutil.copyfile(BUILD / "vfioguard.toml", DEB / "vfioguard.toml")
    settle(int(epoch))


def libraries(wheel: str, requirements: str, arch: str) -> None:
    """The package and what it needs, without what pip would need to remove it again."""
    target = ROOT / LIB
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-compile"]
    uv += ["--target", str(target), "--python-version", PYTHON, "--no-deps"]
    uv += ["--python-platform", PLATFORMS[arch], "--only-binary", ":all:", "--link-mode", "copy"]
    subprocess.run([*uv, "--require-hashes", "--requirement", requirements], check=True)
    subprocess.run([*uv, wheel], check=True)
    shutil.rmtree(target / "bin")
    (target / ".lock").unlink(missing_ok=True)
    # PyYAML's fast reader has a libyaml of its own in it. The one that is used needs neither.
    for extension in target.glob("yaml/_yaml.*.so"):
        extension.unlink()
    for info in target.glob("*.dist-info"):
        for name in NOISE:
            (info / name).unlink(missing_ok=True)


def systemd(files: Iterable[Path]) -> list[str]:
    """The units, sysusers and examples; returns the names of the units."""
    units: list[str] = []
    for file in files:
        if file.suffix in UNITS:
            install(file, f"usr/lib/systemd/system/{file.name}")
            units.append(file.name)
        elif file.suffix in {".sysusers", ".tmpfiles"}:
            install(file, f"usr/lib/{file.suffix[1:]}.d/{file.stem}.conf")
        else:
            install(file, f"{DOC}/examples/{file.name}")
    return units


def generated() -> None:
    """Man pages and completions, where `make man completion` made them."""
    for page in sorted((BUILD / "man").glob("*")):
        compressed(page.read_bytes(), f"usr/share/man/man{page.suffix[1:]}/{page.name}.gz")
    completion = BUILD / "completion"
    install(completion / "vfioguard.bash", "usr/share/bash-completion/completions/vfioguard")
    install(completion / "_vfioguard", "usr/share/zsh/vendor-completions/_vfioguard")
    install(completion / "vfioguard.fish", "usr/share/fish/vendor_completions.d/vfioguard.fish")


def documents(version: str, epoch: int) -> None:
    """What Debian wants to find below /usr/share/doc, and our own documents."""
    for file in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*"))]:
        install(file, f"{DOC}/{file.relative_to(REPOSITORY)}")
    if (REPOSITORY / "contrib").is_dir():
        install(REPOSITORY / "contrib", f"{DOC}/contrib")
    compressed((REPOSITORY / "CHANGELOG.md").read_bytes(), f"{DOC}/changelog.gz")
    when = email.utils.formatdate(epoch)
    entry = f"""vfioguard ({version}) unstable; urgency=medium

  * What changed is in changelog.gz.

 -- {maintainer()}  {when}
"""
    compressed(entry.encode(), f"{DOC}/changelog.Debian.gz")
    text = (HERE / "copyright").read_text() + "".join(map(licence, infos()))
    text = text.replace("@YEAR@", str(time.gmtime(epoch).tm_year))
    (ROOT / DOC / "copyright").write_text(text)


def infos() -> list[Path]:
    """The metadata of the libraries that come along, but not our own."""
    found = sorted((ROOT / LIB).glob("*.dist-info"))
    return [info for info in found if not info.name.startswith("vfioguard-")]


def licence(info: Path) -> str:
    """A paragraph of the copyright file for one library."""
    metadata = email.parser.HeaderParser().parsestr((info / "METADATA").read_text())
    name, version = metadata["Name"], metadata["Version"]
    terms = metadata["License-Expression"] or metadata["License"]
    if not terms or "\n" in terms:
        raise SystemExit(f"{name} {version} does not say its licence in one line: {terms!r}")
    texts = sorted(path for path in info.rglob("*") if path.name.startswith(("LICEN", "COPYING")))
    where = "\n".join(f"  /{path.relative_to(ROOT)}" for path in texts) or "  (it ships no text)"
    author = metadata["Author"] or metadata["Author-email"] or metadata["Maintainer-email"]
    return f"""
Files: {LIB}/{info.name.split("-")[0]}*
Copyright: {author or f"the authors of {name}"}
License: {terms.replace(" ", "-")}-of-{name}
 {name} {version}, {terms}; its text:
{where}
"""


def maintainer() -> str:
    """As nfpm.yaml says."""
    lines = (HERE / "nfpm.yaml").read_text().splitlines()
    return next(line for line in lines if line.startswith("maintainer: ")).split(": ")[1]


def scripts(units: list[str]) -> None:
    """The maintainer scripts, with the units that there are.

    What writes a textfile instead of serving is for those who choose it: it is not enabled.
    """
    units = sorted(units, key=lambda unit: unit.endswith(".service"))  # sockets first
    has_install = [
        unit for unit in units if "\n[Install]\n" in (REPOSITORY / "systemd" / unit).read_text()
    ]
    words = {
        "@UNITS@": units,
        "@ENABLED@": [unit for unit in has_install if "-report." not in unit],
        "@SERVICES@": [unit for unit in has_install if unit.endswith(".service")],
    }
    for name in ("postinst", "prerm", "postrm"):
        text = (HERE / name).read_text()
        for word, names in words.items():
            text = text.replace(word, " ".join(names))
        (DEB / name).write_text(text)


def install(source: Path, target: str, mode: int = 0o644) -> None:
    """One file or directory."""
    to = ROOT / target
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to)
    else:
        shutil.copyfile(source, to)
        to.chmod(mode)


def compressed(data: bytes, target: str) -> None:
    """One file as Debian wants its documents."""
    to = ROOT / target
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(gzip.compress(data, 9, mtime=0))


def settle(epoch: int) -> None:
    """Modes and times that do not depend on who builds, and when."""
    for path in [*DEB.rglob("*"), DEB]:
        mode = 0o755 if path.is_dir() or path.is_relative_to(ROOT / "usr/bin") else 0o644
        path.chmod(mode)
        os.utime(path, (epoch, epoch))


if __name__ == "__main__":
    main(*sys.argv[1:])
