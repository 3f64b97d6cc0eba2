"""The house rules as tests: linters, types, floors, and what the commands may import."""

from __future__ import annotations

import ast
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import hosts, prose, trees
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from vfioguard.kernel.firmware import acpi_tables

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "vfioguard"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CAPTURE = "tests/fixtures/sysfs/6.12-amd64--vtd-noir/as-booted.tar.xz"
#: What only the daemon may cost.
DAEMON_ONLY = {
    "asyncio", "fastapi", "jinja2", "prometheus_client", "psutil", "pydantic", "pyudev",
    "starlette", "typing_extensions", "uvicorn",
}  # fmt: skip


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "."),
        ("-m", "ruff", "format", "--check", "."),
        ("-m", "mypy"),
        ("-m", "pyright", "--pythonpath", sys.executable),
        ("-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"),
    ],
    ids=["ruff", "format", "mypy", "pyright", "floors"],
)
def test_linter_has_nothing_to_say(command: tuple[str, ...]) -> None:
    result = run(sys.executable, *command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "verb",
    [
        ["report"],
        ["report", "--output", "json"],
        ["report", "--output", "prometheus"],
        ["report", "--output", "nfd"],
        ["report", "--output", "nagios"],
        ["check", "--output", "nagios", "0000:00:0a.0"],
        ["check", "0000:00:0a.0"],
        ["explain", "group:1"],
        ["policies"],
    ],
    ids=" ".join,
)
def test_a_command_imports_nothing_of_the_daemon(verb: list[str]) -> None:
    arguments = [verb[0], "--root", CAPTURE, *verb[1:]]
    code = (
        "import json, sys\n"
        "from vfioguard.cli import main\n"
        f"main({arguments!r})\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    loaded = {name.partition(".")[0] for name in json.loads(result.stdout.splitlines()[-1])}
    assert not loaded & DAEMON_ONLY


@pytest.mark.parametrize(
    "command",
    [
        ["report", "--output", "json", "--root", CAPTURE],
        ["firmware", "--output", "json", "--root", CAPTURE],
        ["diff", "--output", "json", CAPTURE, CAPTURE],
    ],
    ids=lambda command: command[0],
)
def test_json_costs_a_command_none_of_its_shapes(command: list[str]) -> None:
    code = f"import sys; from vfioguard.cli import main; main({command!r}); print(*sys.modules)"
    loaded = set(run(sys.executable, "-c", code).stdout.splitlines()[-1].split())
    assert "vfioguard.proof_json" in loaded
    assert not {"pydantic", "typing_extensions", "vfioguard.json_shapes"} & loaded


def test_the_version_costs_no_argument_parser() -> None:
    code = "import sys; from vfioguard.cli import main; main(['--version']); print(*sys.modules)"
    result = run(sys.executable, "-c", code)
    assert not {"argparse", "vfioguard.snapshot", "dataclasses"} & set(result.stdout.split())


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An x86 host that shows remapping, whose firmware has nothing against it."""
    tables = {
        f"{acpi_tables.PATH}/DMAR": dmar(drhd(0xFED90000, io_apic_scope(2), flags=1)),
        f"{acpi_tables.PATH}/APIC": madt(2),
    }
    return trees.write(tmp_path_factory.mktemp("host"), hosts.x86_host() | tables)


@pytest.fixture(scope="module")
def loaded(ordinary: str) -> set[str]:
    """What `check` has loaded at its end."""
    code = (
        "import sys\n"
        "from vfioguard.cli import main\n"
        f"assert main(['check', '--root', {ordinary!r}, 'group:1']) == 0\n"
        "print(*sys.modules)"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "unneeded",
    [
        "_bisect", "dataclasses", "inspect", "pathlib", "shlex", "shutil", "subprocess", "tarfile",
        "vfioguard.acpi", "vfioguard.bdf", "vfioguard.change", "vfioguard.cli.settings",
        "vfioguard.cli.verbs.explain", "vfioguard.cli.verbs.report", "vfioguard.cli.verbs.serve",
        "vfioguard.finding.contradiction", "vfioguard.finding.firmware_disagrees",
        "vfioguard.inference.msi_domain.of_machine", "vfioguard.inference.msi_domain.by_firmware",
        "vfioguard.inference.remapping.allowed", "vfioguard.inference.tables",
        "vfioguard.iommu.amd", "vfioguard.iommu.arm_smmu", "vfioguard.irqchip.gic_v3_its",
        "vfioguard.irqchip.vmd", "vfioguard.kernel.pci.chipset", "vfioguard.kernel.identity.dmi",
        "vfioguard.kernel.log",
        "vfioguard.kernel.firmware.wiring", "vfioguard.kernel.pci.pci_config",
        "vfioguard.kernel.pci.pci_topology",
        "vfioguard.output", "vfioguard.reading.refresh", "vfioguard.root.capture",
    ],
)  # fmt: skip
def test_check_loads_nothing_that_an_ordinary_host_does_not_need(
    unneeded: str, loaded: set[str]
) -> None:
    assert "vfioguard.snapshot" in loaded
    assert unneeded not in loaded


def test_a_report_of_such_a_host_parses_no_table(ordinary: str) -> None:
    code = (
        "import sys\n"
        "from vfioguard.cli import main\n"
        f"assert main(['report', '--root', {ordinary!r}]) == 0\n"
        "print(*sys.modules)"
    )
    names = set(run(sys.executable, "-c", code).stdout.splitlines()[-1].split())
    assert "vfioguard.finding.firmware_disagrees" in names
    assert not {"vfioguard.acpi", "vfioguard.inference.remapping.allowed"} & names


@pytest.mark.parametrize(
    "verb", [["check", "group:1"], ["report"], ["explain", "group:1"], ["policies"]], ids=" ".join
)
def test_a_command_loads_no_typing(verb: list[str], ordinary: str) -> None:
    code = (
        "import sys\n"
        "from vfioguard.cli import main\n"
        f"assert main([{verb[0]!r}, '--root', {ordinary!r}, *{verb[1:]!r}]) == 0\n"
        "print('loaded', 'typing' in sys.modules)"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "loaded False"


#: What typing has for those who read annotations at run time.
READ_AT_RUN_TIME = {"Annotated", "Literal", "get_args", "get_origin"}


def taken_from(tree: ast.Module, module: str) -> set[str]:
    """The names that a file takes from a module when it runs."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {name.name for node in imports if node.module == module for name in node.names}


def test_typing_is_loaded_for_annotations_that_are_read_at_run_time() -> None:
    """Everybody else takes names from vfioguard.typed, whose NamedTuple needs them as strings.

    A class body of Python 3.14 has no annotations but such (PEP 749).
    """
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        strings = "annotations" in taken_from(tree, "__future__")
        if "NamedTuple" in taken_from(tree, "vfioguard.typed"):
            assert strings, path
        if PACKAGE / "json_shapes" not in path.parents and strings:
            assert taken_from(tree, "typing") <= READ_AT_RUN_TIME, path


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_one_room(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 45, f"{node.name} has {length} lines"


def bound_at_the_top(source: Path) -> Iterator[str]:
    """The names that importing a package binds in it, but for files of its own that it imports."""
    own = ".".join(source.parent.relative_to(REPOSITORY).parts)
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module == own:
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize(
    "package",
    [source for source in SOURCES if source.name == "__init__.py"],
    ids=lambda source: source.parent.name,
)
def test_no_name_of_a_package_is_also_one_of_its_files(package: Path) -> None:
    """Whoever imports the file would replace the name by the module."""
    files = {source.stem for source in package.parent.iterdir()} - {"__init__"}
    assert not files & set(bound_at_the_top(package))


def room(source: Path) -> str:
    return source.relative_to(PACKAGE).parts[0].removesuffix(".py")


#: A file at the top of the package is a room as well.
ROOMS = sorted({room(source) for source in SOURCES})


@cache
def parsed(source: Path) -> ast.Module:
    return ast.parse(source.read_text())


@cache
def named_tuples() -> dict[str, int]:
    """The name of each NamedTuple of ours, and how many fields it has (two of a name: the more)."""
    fields: dict[str, int] = {}
    for source in SOURCES:
        for node in ast.walk(parsed(source)):
            if isinstance(node, ast.ClassDef) and "NamedTuple" in map(ast.unparse, node.bases):
                count = sum(isinstance(line, ast.AnnAssign) for line in node.body)
                fields[node.name] = max(count, fields.get(node.name, 0))
    return fields


def by_position(tree: ast.AST, fields: dict[str, int]) -> Iterator[ast.Call]:
    """The calls that pass four values or more to a NamedTuple by position; a star may be many."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            starred = any(isinstance(argument, ast.Starred) for argument in node.args)
            if fields.get(called, 0) >= 4 and (starred or len(node.args) >= 4):
                yield node


@pytest.mark.parametrize("name", ROOMS)
def test_a_value_of_four_fields_or_more_is_built_by_keyword(name: str) -> None:
    assert [
        f"{source.name}:{call.lineno}: {ast.unparse(call)[:80]}"
        for source in SOURCES
        if room(source) == name
        for call in by_position(parsed(source), named_tuples())
    ] == []


def test_such_a_call_is_seen() -> None:
    calls = ast.parse("Four(1, 2, 3, 4); m.Four(*three, d=4); Four(a=1, b=2, c=3, d=4); Three(1)")
    seen = [ast.unparse(call) for call in by_position(calls, {"Four": 4, "Three": 3})]
    assert seen == ["Four(1, 2, 3, 4)", "m.Four(*three, d=4)"]


def written(source: str) -> Iterator[str]:
    """Every docstring, and every comment with the lines that it goes on in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield inspect.cleandoc(ast.get_docstring(node) or "")
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield " ".join(block)
                block = []
            block.append(token.string.lstrip("#: "))
            last = token.start[0]
    yield " ".join(block)


@pytest.mark.parametrize("name", ROOMS)
def test_a_sentence_in_the_code_has_none_of_the_banned_forms(name: str) -> None:
    """The forms that make a reader go back; no limit of words, as lists of facts may be long."""
    assert [
        f"{source.name}: {fault}"
        for source in SOURCES
        if room(source) == name
        for text in written(source.read_text())
        for fault in prose.faults(text, limit=1000)
    ] == []


def test_such_a_sentence_is_seen_in_a_docstring_and_in_a_comment() -> None:
    code = 'def f():\n    """The value; None: not known."""\n    # A gap\n    # is no fact.\n'
    assert [fault for text in written(code) for fault in prose.faults(text)] == [
        "write 'Returns None if': The value; None: not known.",
        "write 'is not a': A gap is no fact.",
    ]


@pytest.mark.parametrize("name", ROOMS)
def test_a_local_is_a_noun(name: str) -> None:
    assert [
        f"{source.name}:{line}: {called}"
        for source in SOURCES
        if room(source) == name
        for node in ast.walk(parsed(source))
        for line, called in bound(node)
        if called in {"one", "found", "at", "got", "it"}
    ] == []


def bound(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a node gives to values, by line; not those of fields (`at: str`)."""
    if isinstance(node, ast.Assign | ast.For | ast.comprehension | ast.NamedExpr | ast.withitem):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.lineno, part.id
    elif isinstance(node, ast.arg):
        yield node.lineno, node.arg
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for part in ast.walk(node):
            if isinstance(part, ast.AnnAssign):
                yield part.lineno, ast.unparse(part.target)


def test_such_a_local_is_seen_wherever_it_is_bound() -> None:
    code = "a = [found for found in b]\nat: int = 1\n\n\ndef f(it: int) -> None:\n    one: int\n"
    seen = sorted({pair for node in ast.walk(ast.parse(code)) for pair in bound(node)})
    assert seen == [(1, "a"), (1, "found"), (5, "it"), (6, "one")]


def test_the_daemon_is_started_with_an_empty_file_of_settings_everywhere() -> None:
    """The tester's own /etc/vfioguard.toml would decide otherwise (tests/support/commands.py)."""
    door = REPOSITORY / "tests/support/commands.py"
    written = re.compile(r'"vfioguard",\s+"serve"')
    found = [
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "tests").rglob("*.py")
        if path != door and written.search(path.read_text())
    ]
    assert not found, f"start the daemon by SERVE of {door.name}: {found}"


def test_the_repository_names_no_machine() -> None:
    files = run("git", "ls-files").stdout.split()
    here = (str(Path.home()) + os.sep, str(REPOSITORY) + os.sep)
    found = [
        name
        for name in files
        if (REPOSITORY / name).is_file()
        and any(path.encode() in (REPOSITORY / name).read_bytes() for path in here if len(path) > 4)
    ]
    assert not found
