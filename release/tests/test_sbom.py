"""The bill of materials, against its specification and against what the package brings along.

VFIOGUARD_SBOM and VFIOGUARD_DEB name what was built.
"""

from __future__ import annotations

import json
import os
import subprocess
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

BILL = Path(os.environ["VFIOGUARD_SBOM"]).read_text()


def test_the_bill_is_cyclonedx() -> None:
    bill = json.loads(BILL)
    for component in bill["components"]:
        # One file of each library: an IRI takes a tenth of a second, and there are hundreds.
        del component["externalReferences"][1:]
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill)) is None


def test_a_bill_that_is_none_is_seen() -> None:
    bill = json.loads(BILL) | {"components": [{"type": "library"}]}
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill)) is not None


def test_the_bill_names_what_the_package_brings_along_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", os.environ["VFIOGUARD_DEB"], str(tmp_path)], check=True)
    infos = (tmp_path / "usr" / "lib" / "vfioguard").glob("*.dist-info/METADATA")
    found = [HeaderParser().parsestr(info.read_text()) for info in infos]
    brought = {(one["Name"].lower().replace("_", "-"), one["Version"]) for one in found}
    bill = json.loads(BILL)
    named = {
        (one["name"], one["version"])
        for one in [*bill["components"], bill["metadata"]["component"]]
    }
    # colorama is click's on Windows alone.
    assert brought == {one for one in named if one[0] != "colorama"}
