"""What documents, docstrings and comments call by the name of its file is there."""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ROOMS = ("vfioguard", "tests", "release", "bench", "fuzz", "examples", "lab")
SOURCES = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "contrib/**/*.md")
    for path in sorted(REPOSITORY.glob(pattern))
]
_FILE = re.compile(r"(?<![\w/.{-])((?:\w+/)*\w+\.py)\b")
_MODULE = re.compile(r"(?<![\w/.-])((?:vfioguard|tests|release|bench)(?:\.[a-z_]\w*)+)\b(?![(/])")
#: A word with a dot after the name of the package that is a file, a host or a label.
_NO_MODULE = re.compile(
    r"vfioguard\.(?:bash|cfg|conf|deb|fact|prom|pyz|rpm|service|socket|sock|sysusers|toml)$"
)
#: `NAME.py` stands for the file that a reader would add.
_ANY = re.compile(r"NAME\.py$")
PLACES = [path.relative_to(REPOSITORY).as_posix() for path in SOURCES]


def prose(path: Path) -> str:
    """A document whole, and the docstrings and comments of a source."""
    text = path.read_text()
    if path.suffix != ".py":
        return text
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT
        or (token.type == tokenize.STRING and token.string.startswith(('"""', 'r"""')))
    )


def lost(text: str) -> Iterator[str]:
    """The files and modules of ours that a text names and that do not exist."""
    for name in _FILE.findall(text):
        if not _ANY.search(name) and not any(f"/{place}".endswith(f"/{name}") for place in PLACES):
            yield name
    for name in _MODULE.findall(text):
        if not _NO_MODULE.match(name) and not is_there(name):
            yield name


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, a package, or the name of something in one of them."""
    path = name.replace(".", "/")
    if (REPOSITORY / f"{path}.py").exists() or (REPOSITORY / path).is_dir():
        return True
    outer, _, inner = path.rpartition("/")
    sources = (REPOSITORY / f"{outer}.py", REPOSITORY / outer / "__init__.py")
    word = re.compile(rf"\b{inner}\b")
    return any(source.exists() and word.search(source.read_text()) for source in sources)


@pytest.mark.parametrize(
    "path", [*SOURCES, *DOCUMENTS], ids=lambda path: path.relative_to(REPOSITORY).as_posix()
)
def test_every_file_and_module_that_a_text_names_exists(path: Path) -> None:
    assert list(lost(prose(path))) == []


def test_a_name_that_leads_nowhere_is_seen() -> None:
    text = "see root/door.py, `fact.py`, vfioguard.serve.flow and vfioguard.api.judge"
    assert list(lost(text)) == ["root/door.py", "vfioguard.serve.flow"]


#: What needs no row: the ways in, the mark of a typed package, and what Python makes.
_ROWLESS = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}


@pytest.mark.parametrize("package", ["vfioguard", "vfioguard/serve"])
def test_every_room_has_a_row_in_the_architecture(package: str) -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    rows = {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
            for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (REPOSITORY / package).iterdir()
        if path.name not in _ROWLESS and (path.is_file() or (path / "__init__.py").exists())
    }
    assert sorted(rooms - rows) == []


_IMPORT = re.compile(r"^\s*from (vfioguard[\w.]*) import ([\w, ]+)$", re.MULTILINE)
#: Programs that stand in a script, a bench or a stage of CI, which no test imports.
_SCRIPTS = [
    name
    for name in subprocess.run(
        ["git", "ls-files", ".ci", "bench", "contrib", "examples", "fuzz", "release"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\n")
    if name and "/corpus/" not in name
]  # fmt: skip


def has(module: str, name: str) -> bool:
    """Whether the module has the name, or is a package with a module of this name."""
    there = importlib.import_module(module)
    inside = hasattr(there, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
    return hasattr(there, name) or inside


def test_a_program_in_a_script_imports_what_there_is() -> None:
    lacking = [
        f"{script}: {module}.{name.strip()}"
        for script in _SCRIPTS
        for module, names in _IMPORT.findall((REPOSITORY / script).read_text(errors="replace"))
        for name in names.split(",")
        if not has(module, name.strip())
    ]
    assert lacking == []
