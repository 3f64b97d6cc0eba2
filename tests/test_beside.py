"""Whoever adds a leaf is told in one sentence what belongs beside its file (ARCHITECTURE.md).

Each function below yields what a leaf lacks. What is asked for where the data are (a chip's row, a
line of a real kernel, a fresh docs/configuration.md) is asked for there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.grammar import verbs
from tests.acpi.oracle import TABLES
from tests.iommu.test_iommus import INSTANCES
from tests.symptom.test_symptoms import TOLD
from vfioguard import acpi, leaves
from vfioguard.cli.settings.table import SETTINGS
from vfioguard.inference import borders
from vfioguard.inference.borders import Border
from vfioguard.iommu import IommuDriver
from vfioguard.irqchip import Irqchip
from vfioguard.symptom.errors import ERRORS
from vfioguard.symptom.words import WORDS

REPOSITORY = Path(__file__).parent.parent
CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text()
POLICY = (REPOSITORY / "docs/policy.md").read_text()
DOCUMENTS = "".join(
    path.read_text() for path in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"))
)
TESTS = {
    path: path.read_text()
    for path in sorted((REPOSITORY / "tests").rglob("*.py"))
    if path != Path(__file__)
}


def section(number: str) -> str:
    """The text of a section of docs/policy.md, with the sections inside it."""
    level = "#" * (2 + number.count("."))
    found = re.search(rf"^{level} {re.escape(number)}\.? .*?(?=^#{{2,{len(level)}}} |\Z)",
                      POLICY, re.DOTALL | re.MULTILINE)  # fmt: skip
    assert found is not None, f"docs/policy.md has no section {number}"
    return found[0]


def has_a_test(name: str) -> bool:
    """Whether a test has the name as a string, or is called after it."""
    return any(path.stem == f"test_{name}" or f'"{name}"' in text for path, text in TESTS.items())


def named(name: str, text: str) -> bool:
    """Whether a text has the name as a word, in whatever case."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def irqchip(name: str) -> Iterator[str]:
    family = leaves.load("vfioguard.irqchip", name, "IRQCHIP", Irqchip)
    for chip in sorted(family.chips if family.isolates else ()):
        if f"`{chip}`" not in section("2.3"):
            yield f"its chip `{chip}`, which isolates, in docs/policy.md 2.3"


def iommu(name: str) -> Iterator[str]:
    driver = leaves.load("vfioguard.iommu", name, "DRIVER", IommuDriver).name
    if driver not in {expected for _, expected in INSTANCES}:
        yield f'an instance of "{driver}" among INSTANCES in tests/iommu/test_iommus.py'
    if not named(driver, section("3.5")):
        yield f"{driver} in docs/policy.md 3.5"


def table(name: str) -> Iterator[str]:
    signature = acpi.table(name).signature
    for suffix in ("aml", "dsl", "iasl"):
        if not list((REPOSITORY / "tests/fixtures/acpi").glob(f"{name}-*.{suffix}")):
            yield f"tests/fixtures/acpi/{name}-*.{suffix}"
    if signature not in TABLES:
        yield f"{signature} among TABLES in tests/acpi/oracle.py"
    if not named(signature, (REPOSITORY / "docs/firmware.md").read_text()):
        yield f"{signature} in docs/firmware.md"


def policy(name: str) -> Iterator[str]:
    if not any(name in text for path, text in TESTS.items() if path.parent.name == "policy"):
        yield "a test in tests/policy/ that names it"
    if not named(name, POLICY):
        yield "the kernel's rule, with its name, in docs/policy.md"
    if not named(name, CHANGELOG):
        yield "its name in CHANGELOG.md"


def finding(name: str) -> Iterator[str]:
    if not has_a_test(name):
        yield f'a test that names "{name}"'
    yield from row(name)
    if not named(name, CHANGELOG):
        yield "its name in CHANGELOG.md"


def cause(name: str) -> Iterator[str]:
    if not has_a_test(name):
        yield f'a test that names "{name}"'
    yield from row(name)
    if not named(name, CHANGELOG):
        yield "its name in CHANGELOG.md"


def blocker(name: str) -> Iterator[str]:
    tests = [text for path, text in TESTS.items() if path.parent.name == "blocker"]
    if not any(f'"{name}"' in text for text in tests):
        yield f'a test in tests/blocker/ that names "{name}"'
    if f"| `{name}` |" not in section("5"):
        yield "a row in docs/policy.md 5"
    yield from row(name)
    if not named(name, CHANGELOG):
        yield "its name in CHANGELOG.md"


def row(name: str) -> Iterator[str]:
    if f"| [`{name}`]" not in (REPOSITORY / "docs/runbook.md").read_text():
        yield "`Change: what to do` at the end of its docstring, and `make documents`"


def output(name: str) -> Iterator[str]:
    if not has_a_test(name):
        yield f'a test that names "{name}"'
    if not named(name, (REPOSITORY / "README.md").read_text()):
        yield "its name in README.md"
    if not named(name, CHANGELOG):
        yield "its name in CHANGELOG.md"


def verb(name: str) -> Iterator[str]:
    if not any(f'"{name}"' in text for path, text in TESTS.items() if path.parent.name == "cli"):
        yield f'a test in tests/cli/ that types "{name}"'
    if f"vfioguard {name}" not in DOCUMENTS:
        yield f"`vfioguard {name}` in README.md or docs/"
    if not re.search(rf"`(vfioguard )?{name}\b", CHANGELOG):
        yield f"`vfioguard {name}` in CHANGELOG.md"


def setting(key: str) -> Iterator[str]:
    if not any(named(f"--{key}", text) for text in TESTS.values()):
        yield f"a test that types --{key}"
    if not named(f"--{key}", CHANGELOG):
        yield f"`--{key}` in CHANGELOG.md"


def errno(name: str) -> Iterator[str]:
    if name not in WORDS.values():
        yield "its words of strerror(3) among WORDS"
    if name not in {expected for _, expected in TOLD}:
        yield "a message that tells it among TOLD in tests/symptom/test_symptoms.py"
    if not named(name, section("5")):
        yield "its reasons in docs/policy.md 5"


def border(name: str) -> Iterator[str]:
    sources = (REPOSITORY / "vfioguard").rglob("*.py")
    *others, own = sorted(sources, key=lambda path: path == Path(borders.__file__))
    said = re.search(rf"((?:^#:.*\n)+){name} = ", own.read_text(), re.MULTILINE)
    if said is None or not re.search(r"\w/\w|\w\(\)|[Cc]ommit\s", said[1].replace("\n#:", "")):
        yield f"the kernel's file, function or commit in a comment `#:` above {name}"
    if not any(re.search(rf"\b{name}\b", path.read_text()) for path in others):
        yield "a rule that asks it"
    if not any(named(release, POLICY) for release in releases(name)):
        yield f"one of its releases ({', '.join(releases(name))}) in docs/policy.md"


def releases(name: str) -> list[str]:
    """The first releases that have the change, as docs/policy.md writes them."""
    change: Border = getattr(borders, name)
    stable = [(*one.series, one.first) for one in change.taken if one.first is not None]
    return [".".join(map(str, release)) for release in (change.since, *stable)]


#: What a leaf is called in front of its name, what it lacks, and all leaves.
KINDS: dict[str, tuple[Callable[[str], Iterator[str]], tuple[str, ...]]] = {
    "irqchip family": (irqchip, leaves.names("vfioguard.irqchip")),
    "IOMMU driver": (iommu, leaves.names("vfioguard.iommu")),
    "firmware table": (table, acpi.leaves()),
    "predicate": (policy, leaves.names("vfioguard.policy")),
    "finding": (finding, leaves.names("vfioguard.finding")),
    "cause": (cause, leaves.names("vfioguard.cause")),
    "blocker": (blocker, leaves.names("vfioguard.blocker")),
    "form of output": (output, leaves.names("vfioguard.output")),
    "verb": (verb, tuple(one.name for one in verbs())),
    "setting": (setting, tuple(one.key for one in SETTINGS)),
    "errno": (errno, tuple(ERRORS)),
    "border": (
        border, tuple(name for name, one in vars(borders).items() if isinstance(one, Border)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (_, names) in KINDS.items() for name in names]
)
def test_a_leaf_comes_with_what_belongs_beside_it(kind: str, name: str) -> None:
    lacks = list(KINDS[kind][0](name))
    assert not lacks, f"the {kind} {name} lacks: {'; '.join(lacks)}"


@pytest.mark.parametrize(
    "kind", ["predicate", "finding", "cause", "blocker", "form of output", "verb", "setting"]
)
def test_a_leaf_that_brings_nothing_lacks_its_test_and_its_words(kind: str) -> None:
    lacks = list(KINDS[kind][0]("such-as-nobody-wrote"))
    assert lacks[0].startswith("a test")
    assert lacks[-1].endswith("CHANGELOG.md")


def test_every_kind_stands_in_the_table_of_the_architecture() -> None:
    rows = (REPOSITORY / "ARCHITECTURE.md").read_text().partition("## To add a ...")[2]
    for kind in KINDS:
        assert re.search(rf"^\| [^|]*\b{kind}\b[^|]* \|[^|]+\|[^|\n]+\|$", rows, re.MULTILINE), kind
