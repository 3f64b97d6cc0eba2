"""Makes the JSON Schema that the package brings along: `make documents`.

usage: python -m release.schema FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from vfioguard.json_shapes.answers import (
    GroupList,
    OneDevice,
    OneGroup,
    Problem,
    WhatIf,
    WideGroupList,
)
from vfioguard.json_shapes.change import Change, Difference
from vfioguard.json_shapes.check import Check, CheckProblem, Checks, ChecksProblem, ToldChecks
from vfioguard.json_shapes.explain import Explained, ExplainedNow
from vfioguard.json_shapes.firmware import Firmware
from vfioguard.json_shapes.fleet import Fleet
from vfioguard.json_shapes.policies import Policies
from vfioguard.json_shapes.report import Report, WideReport
from vfioguard.json_shapes.trial import Tries

#: Every document of commands and daemon.
DOCUMENTS: tuple[type, ...] = (
    Report,
    WideReport,
    GroupList,
    WideGroupList,
    OneGroup,
    OneDevice,
    Check,
    Checks,
    CheckProblem,
    ChecksProblem,
    ToldChecks,
    Problem,
    Firmware,
    Change,
    Difference,
    Explained,
    ExplainedNow,
    Policies,
    Fleet,
    Tries,
    WhatIf,
)
_MODE: Literal["serialization"] = "serialization"


def schema() -> str:
    """The text of the schema; `$defs` has each document and its parts by their names."""
    shapes = [(shape.__name__, _MODE, TypeAdapter[object](shape)) for shape in DOCUMENTS]
    _, made = TypeAdapter.json_schemas(shapes, ref_template="#/$defs/{model}")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "vfioguard",
        "description": "Each JSON document of vfioguard is one of these, by its name in $defs.",
        "anyOf": [{"$ref": f"#/$defs/{shape.__name__}"} for shape in DOCUMENTS],
        "$defs": made["$defs"],
    }
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the file."""
    Path(sys.argv[1]).write_text(schema())


if __name__ == "__main__":
    main()
