"""Answers by real firmware never contradict the kernel of its machine.

Other tests use tables that are packed by hand.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acpi.own import OWN
from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.remapping.allowed import Evidence, Possible, of_host, possible
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root

SHARED = Path(__file__).parents[3] / "shared" / "acpi"
HOSTS = Path(__file__).parents[1] / "fixtures" / "sysfs"


def judge(tables: Mapping[str, bytes]) -> Possible:
    def reading(name: str) -> Reading[bytes]:
        raw = tables.get(name)
        return Gap(Why.ABSENT, name, "not dumped") if raw is None else Fact(raw, raw, name)

    return possible(Evidence(reading("DMAR"), reading("IVRS"), (reading("APIC"),)))


def archived() -> list[tuple[dict[str, Any], dict[str, bytes]]]:
    """Every machine of the archive, with the answer derived for it."""
    path = SHARED / "machine-tables.tar.xz"
    if not path.exists():
        return []
    found: dict[str, dict[str, bytes]] = {}
    index: list[dict[str, Any]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) or io.BytesIO()
            _, _, place = member.name.partition("/")
            machine, _, name = place.partition("/")
            if place == "index.json":
                index = json.load(file)
            elif name:
                found.setdefault(machine, {})[name] = file.read()
    return [(entry["derived"], found[entry["name"]]) for entry in index]


def test_every_machine_of_the_archive_has_its_derived_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machines = archived()
    wrong = []
    for derived, tables in machines:
        found = judge(tables)
        ours = found.possible, sorted(found.missing)
        if ours != (derived["tables_allow_remapping"], sorted(derived["missing"])):
            wrong.append((derived, found.sentence))
    with capsys.disabled():
        print(f"\nmachines compared by their tables: {len(machines)}")
    assert not wrong


def test_no_machine_is_judged_against_its_own_log(capsys: pytest.CaptureFixture[str]) -> None:
    homes = sorted((SHARED / "machines").glob("*/machine.json"))
    wrong = []
    for home in homes:
        tables = {f.name: f.read_bytes() for f in home.parent.iterdir() if not f.suffix}
        remapped = json.loads(home.read_text())["expect"]["interrupt_remapping"]
        if judge(tables).possible is not remapped:
            wrong.append((home.parent.name, judge(tables).sentence))
    with capsys.disabled():
        print(f"\nmachines compared by their logs: {len(homes)}")
    assert not wrong


@pytest.mark.parametrize(
    ("signature", "name", "expected", "missing"),
    [
        ("DMAR", "dmar-all", False, (8,)),
        ("DMAR", "dmar-no-intr-remap", False, ()),
        ("DMAR", "dmar-opt-out", False, (2, 8)),
        ("IVRS", "ivrs-all", False, (2, 8)),
        ("IVRS", "ivrs-two-iommus", False, (2, 8)),
    ],
)
def test_our_own_tables_have_their_answer(
    signature: str, name: str, expected: bool | None, missing: tuple[int, ...]
) -> None:
    found = judge({"APIC": OWN["madt-x86"], signature: OWN[name]})
    assert (found.possible, found.missing) == (expected, missing)


@pytest.mark.parametrize("host", sorted(h.name for h in HOSTS.iterdir() if "-amd64--" in h.name))
def test_no_recorded_host_is_impossible_and_remaps(host: str) -> None:
    found = of_host(take(open_root(str(HOSTS / host / "as-booted.tar.xz"))))
    truth = json.loads((HOSTS / host / "truth.json").read_text())
    # A mediated device is attached without a test of its interrupts.
    tested = [group for group in truth["groups"] if all(map(parse_bdf, group["devices"]))]
    remaps = any(group["type1_safe"] == "OK" for group in tested)
    assert not (remaps and found.possible is False), found.sentence
    if "noir" in host:
        assert found.possible is False
