"""Finish the bill of materials that uv writes: `make sbom`.

usage: python -m release.sbom FILE EPOCH VERSION

uv numbers each with a random UUID and the time of the day, and does not say the version of the
project itself. Two builds of one commit shall be the same bytes.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from vfioguard import wording


def main(name: str, epoch: str, version: str) -> None:
    """Rewrite the file."""
    path = Path(name)
    path.write_text(json.dumps(finish(json.loads(path.read_text()), int(epoch), version), indent=2))


def finish(bill: dict[str, Any], epoch: int, version: str) -> dict[str, Any]:
    """CycloneDX that says the same whenever it is made. `epoch` is Unix time in seconds."""
    about = bill["metadata"]
    about["timestamp"] = wording.moment(epoch)
    about["component"] |= {
        "type": "application",
        "version": version,
        "purl": f"pkg:pypi/vfioguard@{version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    # Of its content, as the specification wants another number for another bill.
    content = json.dumps(bill | {"serialNumber": ""}, sort_keys=True)
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"
    return bill


if __name__ == "__main__":
    main(*sys.argv[1:])
