"""The single file does what the package does, and an older Python says what it lacks."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from release.pyz import build
from vfioguard import leaves

REPOSITORY = Path(__file__).parents[2]
MAIN = REPOSITORY / "release/pyz/main.py"
HOST = str(REPOSITORY / "tests/fixtures/sysfs/6.12-amd64--vtd-ir-andd/bound.tar.xz")
OTHER = str(REPOSITORY / "tests/fixtures/sysfs/6.12-amd64--vtd-noir/as-booted.tar.xz")
EPOCH = "1700000000"
#: What Python 2 knows too, of the nodes of the grammar.
OLD = (
    ast.Module, ast.Expr, ast.Constant, ast.Import, ast.ImportFrom, ast.alias, ast.FunctionDef,
    ast.arguments, ast.arg, ast.Assign, ast.Name, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Tuple, ast.List, ast.ListComp, ast.GeneratorExp, ast.comprehension, ast.Call, ast.Compare,
    ast.BinOp, ast.BoolOp, ast.If, ast.Return, ast.Try, ast.ExceptHandler, ast.expr_context,
    ast.operator, ast.cmpop, ast.boolop,
)  # fmt: skip


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("single") / "vfioguard.pyz"
    build.main(str(file), EPOCH)
    return file


@pytest.fixture(scope="module")
def module() -> Any:
    spec = importlib.util.spec_from_file_location("pyz_main", MAIN)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def run(*command: str, where: Path) -> tuple[int, str, str]:
    result = subprocess.run(
        command, cwd=where, capture_output=True, text=True, check=False, timeout=60
    )
    return result.returncode, result.stdout, result.stderr


def undated(text: str) -> str:
    """Without the moments at which the answers were made."""
    return re.sub(r"[0-9-]{10}T[0-9:]{8}Z", "", text)


@pytest.mark.parametrize(
    "verb",
    [
        "report",
        "report --output json",
        "report --output prometheus",
        "check 0000:01:00.0",
        "explain group:0",
        "explain EPERM",
        "policies",
        "firmware",
        "schema",
        "--help",
        "--version",
    ],
)
def test_it_answers_as_the_package_does(single: Path, tmp_path: Path, verb: str) -> None:
    name, *rest = verb.split()
    arguments = [
        name,
        *([] if name.startswith("-") or name == "schema" else ["--root", HOST]),
        *rest,
    ]
    # -I and -S: nothing but the standard library is there, and the repository is not.
    alone = run(sys.executable, "-IS", str(single), *arguments, where=tmp_path)
    package = run(sys.executable, "-m", "vfioguard", *arguments, where=REPOSITORY)
    assert undated(alone[1]) == undated(package[1])
    assert (alone[0], alone[2]) == (package[0], package[2])
    assert alone[1]


def test_it_captures_and_compares(single: Path, tmp_path: Path) -> None:
    start = (sys.executable, "-IS", str(single))
    status, _, errors = run(*start, "capture", "--root", HOST, "again.tar.xz", where=tmp_path)
    assert (status, errors) == (0, "")
    assert run(*start, "diff", HOST, "again.tar.xz", where=tmp_path) == (0, "", "")
    changed = run(*start, "diff", OTHER, "again.tar.xz", where=tmp_path)
    assert changed == run(sys.executable, "-m", "vfioguard", "diff", OTHER, HOST, where=REPOSITORY)
    assert changed[1]


def test_it_runs_by_its_own_name(single: Path, tmp_path: Path) -> None:
    interpreter = tmp_path / "python3"
    interpreter.symlink_to(sys.executable)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(
        [single, "--version"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert re.fullmatch(r"vfioguard [0-9.]+\n", said)


def test_the_daemon_says_in_a_line_what_it_needs(single: Path, tmp_path: Path) -> None:
    status, _, errors = run(sys.executable, "-IS", str(single), "serve", where=tmp_path)
    assert status == 3
    assert re.fullmatch(r"vfioguard: serve needs the Python module \w+: .*\n", errors)
    _, _, errors = run(sys.executable, "-IS", str(single), "install-units", where=tmp_path)
    assert re.fullmatch("vfioguard: this vfioguard brings no units, .*: make wheel\n", errors)


def test_leaves_are_the_same_in_the_file_and_in_the_package(single: Path, tmp_path: Path) -> None:
    rooms = ["acpi", "cli.verbs", "finding", "iommu", "irqchip", "output", "policy"]
    code = (
        f"import sys; sys.path.insert(0, {str(single)!r})\n"
        "from vfioguard import leaves\n"
        f"print({{room: leaves.names('vfioguard.' + room) for room in {rooms!r}}})"
    )
    status, said, errors = run(sys.executable, "-IS", "-c", code, where=tmp_path)
    assert (status, errors) == (0, "")
    assert ast.literal_eval(said) == {room: leaves.names(f"vfioguard.{room}") for room in rooms}


def test_it_is_the_same_bytes_whoever_builds_it(single: Path, tmp_path: Path) -> None:
    for zone in ("UTC", "Pacific/Auckland"):
        again = tmp_path / zone.replace("/", "-")
        subprocess.run(
            [sys.executable, "-m", "release.pyz.build", str(again), EPOCH],
            cwd=REPOSITORY, env=os.environ | {"TZ": zone}, check=True,
        )  # fmt: skip
        assert again.read_bytes() == single.read_bytes()


def test_it_asks_for_the_python_that_the_package_asks_for(module: Any) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">={}.{}".format(*module.OLDEST)


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 8), (3, 9, 2), (3, 10, 12)])
def test_an_older_python_says_in_a_line_what_it_lacks(
    module: Any, tmp_path: Path, version: tuple[int, int, int]
) -> None:
    said = "vfioguard.pyz: needs Python 3.11 or later, and this is Python {}.{}.{}".format(*version)
    assert module.lacks((*version, "final", 0), [str(tmp_path), "/nowhere"]) == said


def test_the_line_names_the_newest_python_that_is_there(module: Any, tmp_path: Path) -> None:
    for name in ("python3", "python3.9", "python3.11", "python3.12", "python3.12-config"):
        (tmp_path / name).touch()
    said = module.lacks((3, 9, 2), ["", str(tmp_path)])
    assert said.endswith(f"; start it with: python3.12 {sys.argv[0]}")
    (tmp_path / "python3.11").unlink()
    (tmp_path / "python3.12").unlink()
    assert "start it" not in module.lacks((3, 9, 2), [str(tmp_path)])


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 13, 5), (3, 14, 0), (4, 0, 0)])
def test_a_python_that_is_new_enough_lacks_nothing(
    module: Any, version: tuple[int, int, int]
) -> None:
    assert module.lacks(version, []) is None


def test_what_runs_first_is_syntax_of_python_2_and_of_each_python_3() -> None:
    text = MAIN.read_text(encoding="ascii")
    for minor in range(4, 11):
        ast.parse(text, feature_version=(3, minor))
    for node in ast.walk(ast.parse(text)):
        assert isinstance(node, OLD), ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            used = node.args
            assert not used.kwonlyargs
            assert not used.posonlyargs
            assert node.returns is None
            assert all(argument.annotation is None for argument in used.args)
        if isinstance(node, (ast.Tuple, ast.List)):
            assert not any(isinstance(part, ast.Starred) for part in node.elts)
