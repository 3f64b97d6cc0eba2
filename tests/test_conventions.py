"""The house rules as tests: linters, types, floors, and what the commands may import."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import hosts, trees
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from vfioguard.kernel.firmware import acpi_tables

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "vfioguard"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CAPTURE = "tests/fixtures/sysfs/6.12-amd64--vtd-noir/as-booted.tar.xz"
#: What only the daemon may cost.
DAEMON_ONLY = {
    "asyncio", "fastapi", "prometheus_client", "psutil", "pydantic", "pyudev", "starlette",
    "typing_extensions", "uvicorn",
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
    assert "vfioguard.output.json" in loaded
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


@pytest.mark.parametrize("verb", [["check", "group:1"], ["report"], ["explain", "group:1"]])
def test_no_annotation_of_a_value_is_a_string_that_a_command_compiles(
    verb: list[str], ordinary: str
) -> None:
    code = (
        "import sys\n"
        "from typing import ForwardRef\n"
        "from vfioguard.cli import main\n"
        f"assert main([{verb[0]!r}, '--root', {ordinary!r}, *{verb[1:]!r}]) == 0\n"
        "values = {v for m in [*sys.modules.values()] if m.__name__.startswith('vfioguard')"
        " for v in vars(m).values() if hasattr(v, '_fields')}\n"
        "print('values', len(values), *(v.__qualname__ for v in values"
        " if any(isinstance(a, ForwardRef) for a in v.__annotations__.values())))"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    word, count, *strings = result.stdout.splitlines()[-1].split()
    assert word == "values"
    assert int(count) > 30
    assert not strings


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
