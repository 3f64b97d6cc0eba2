"""What only the RPM package has."""

from __future__ import annotations

import shutil
from pathlib import Path

from release.package.files import DOC, LIB, REPOSITORY, install

#: Below usr/share.
ZSH = "zsh/site-functions"
SCRIPTS = ("postinst", "prerm", "postrm", "posttrans")


def lay(root: Path, version: str, epoch: int) -> None:  # noqa: ARG001 - as each format has it
    """What the launcher starts, the licence and the changelog.

    Each library's own licence stands beside its metadata.
    """
    install(Path(__file__).with_name("start.py"), root / LIB / "start.py")
    install(REPOSITORY / "LICENSE", root / "usr/share/licenses/vfioguard/LICENSE")
    install(REPOSITORY / "CHANGELOG.md", root / DOC / "CHANGELOG.md")


def marked(top: Path) -> str:
    """Documents and licences as entries of nfpm.yaml, as a tree has no marks. They leave the tree.

    Somebody who installs without documents (`--nodocs`) gets none, but the licences.
    """
    lines: list[str] = []
    share = top / "files/usr/share"
    for name, mark in (("doc", "doc"), ("man", "doc"), ("licenses", "license")):
        away = top / "marked" / name
        shutil.move(share / name, away)
        for path in sorted(away.rglob("*")):
            to = f"/usr/share/{name}/{path.relative_to(away)}"
            source = f"build/rpm/marked/{name}/{path.relative_to(away)}"
            if path.is_file():
                lines.append(f"  - {{src: {source}, dst: {to}, type: {mark}}}")
            elif name != "man":  # the others are ours, and go with the package
                lines.append(f"  - {{dst: {to}, type: dir, file_info: {{mode: 0o755}}}}")
    return "\n".join(lines)
