"""What only the Debian package has: the documents that Debian wants to find."""

from __future__ import annotations

import email.utils
import time
from pathlib import Path

from release.package import libraries
from release.package.files import DOC, LIB, REPOSITORY, compressed, install

#: Below usr/share.
ZSH = "zsh/vendor-completions"
SCRIPTS = ("postinst", "prerm", "postrm")


def lay(root: Path, version: str, epoch: int) -> None:
    """What Debian wants to find below /usr/share/doc, and what lintian is told."""
    here = Path(__file__).parent
    install(here / "lintian-overrides", root / "usr/share/lintian/overrides/vfioguard")
    compressed((REPOSITORY / "CHANGELOG.md").read_bytes(), root / DOC / "changelog.gz")
    when = email.utils.formatdate(epoch)
    entry = f"""vfioguard ({version}) unstable; urgency=medium

  * What changed is in changelog.gz.

 -- {maintainer()}  {when}
"""
    compressed(entry.encode(), root / DOC / "changelog.Debian.gz")
    text = (here / "copyright").read_text()
    text += "".join(licence(root, info) for info in libraries.infos(root / LIB))
    text = text.replace("@YEAR@", str(time.gmtime(epoch).tm_year))
    (root / DOC / "copyright").write_text(text)


def licence(root: Path, info: Path) -> str:
    """A paragraph of the copyright file for one library."""
    metadata = libraries.metadata(info)
    name, version = metadata["Name"], metadata["Version"]
    terms = libraries.terms(metadata)
    texts = sorted(path for path in info.rglob("*") if path.name.startswith(("LICEN", "COPYING")))
    where = "\n".join(f"  /{path.relative_to(root)}" for path in texts) or "  (it ships no text)"
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
    lines = (REPOSITORY / "release/package/nfpm.yaml").read_text().splitlines()
    return next(line for line in lines if line.startswith("maintainer: ")).split(": ")[1]


def marked(top: Path) -> str:  # noqa: ARG001 - as each format has it
    """Nothing: a .deb knows its documents by their place."""
    return ""
