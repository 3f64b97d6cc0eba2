"""The JSON Schema of everything that vfioguard prints as JSON, from a file of the package.

`make documents` makes the file from the shapes, which takes pydantic. Its readers do without.
"""

from __future__ import annotations

from vfioguard import leaves


def schema() -> bytes:
    """The text of the schema: JSON Schema 2020-12."""
    return leaves.beside(__name__, "schema.json")
