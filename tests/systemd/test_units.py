"""The units as systemd reads and rates them. What they do is shown by .ci/stages/50-systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vfioguard.kernel.firmware.acpi_tables import FILES
from vfioguard.root.handed import ABSENT

UNITS = Path(__file__).parent.parent.parent / "systemd"
#: The exposure that `systemd-analyze security` may find, of 10.
EXPOSURE = {
    "vfioguard.service": 0.3,
    "vfioguard-report.service": 0.5,
    "vfioguard-tables.service": 0.5,
}
#: systemd.exec(5): what the credentials of a unit may have together.
CREDENTIALS = 1 << 20


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is missing: apt-get install systemd"
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def values(unit: str, key: str) -> list[str]:
    """Every value of a directive, in order."""
    return re.findall(rf"^{key}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    for unit in UNITS.glob("vfioguard*.*"):
        # verify wants to find the program, which is installed in another place here.
        text = unit.read_text().replace("/usr/bin/vfioguard", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    names = [
        str(path)
        for path in sorted(tmp_path.glob("*"))
        if path.suffix in {".service", ".socket", ".timer"}
    ]
    result = analyze("verify", "--man=no", *names)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("unit", sorted(EXPOSURE))
def test_the_exposure_of_a_service_is_small(unit: str) -> None:
    result = analyze("security", "--offline=true", "--no-pager", str(UNITS / unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    assert found is not None, result.stderr
    assert float(found[1]) <= EXPOSURE[unit]


def test_the_drop_in_for_full_evidence_costs_what_it_says(tmp_path: Path) -> None:
    drop_in = (UNITS / "full-evidence.conf").read_text()
    together = tmp_path / "vfioguard.service"
    together.write_text(f"{(UNITS / together.name).read_text()}\n{drop_in}")
    result = analyze("security", "--offline=true", "--no-pager", str(together))
    said = re.search(r"exposure is ([0-9.]+) instead of ([0-9.]+)\.", drop_in)
    assert said is not None
    assert f"exposure level for vfioguard.service: {said[1]} " in result.stdout, result.stderr
    alone = analyze("security", "--offline=true", "--no-pager", str(UNITS / together.name))
    assert f"exposure level for vfioguard.service: {said[2]} " in alone.stdout, alone.stderr


@pytest.mark.parametrize("unit", sorted(EXPOSURE))
def test_no_service_has_a_capability(unit: str) -> None:
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert set(values(unit, "AmbientCapabilities")) <= {""}


def test_every_table_that_is_read_is_handed_over_and_may_be_absent() -> None:
    tables = [f"{name}:/run/vfioguard-tables/{name}" for name in FILES]
    assert values("vfioguard.service", "LoadCredential") == tables
    words = [f"{name}:{ABSENT.decode()}" for name in FILES]
    assert values("vfioguard.service", "SetCredential") == words
    copied = re.search("for table in ([A-Z ]+);", (UNITS / "vfioguard-tables.service").read_text())
    assert copied is not None
    assert tuple(copied[1].split()) == FILES


@pytest.mark.parametrize("unit", sorted(EXPOSURE))
def test_no_service_works_in_a_directory_that_systemd_257_refuses(unit: str) -> None:
    # "may not be below /proc/, /sys/ or /dev/ when using mount namespacing. Refusing."
    assert not [path for path in values(unit, "WorkingDirectory") if path != "/"]


def test_the_tables_together_fit_into_the_credentials_of_a_unit() -> None:
    size = re.search("head -c ([0-9]+) ", (UNITS / "vfioguard-tables.service").read_text())
    assert size is not None
    assert len(FILES) * int(size[1]) <= CREDENTIALS
