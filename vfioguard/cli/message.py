"""The half of `explain` that is given a text: an errno, a message, a paste, standard input."""

from __future__ import annotations

import codecs
import sys

from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.statuses import of_text
from vfioguard.report import SCHEMA_VERSION, Report
from vfioguard.snapshot import Snapshot
from vfioguard.target import spelled
from vfioguard.typed import TYPE_CHECKING

# `explain group:12` needs none of the tables of messages, so the functions import them.
if TYPE_CHECKING:
    from vfioguard.json_shapes import explain as shapes

#: The target that stands for standard input.
STDIN = "-"


def text_of(target: str) -> str | None:
    """The text to explain, read from standard input for "-".

    Returns None if the target is meant as a device or a group.
    """
    if target == STDIN:
        from vfioguard.symptom.paste import MOST_CHARACTERS

        text = sys.stdin.buffer.read(MOST_CHARACTERS + 1)
        # PowerShell writes what another program prints into a file so.
        marked = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return text.decode("utf-16" if marked else "utf-8", "replace")
    if _is_number(target):
        return f"errno {target}"
    return target if _is_text(target) and spelled(target) == target else None


def _is_number(target: str) -> bool:
    """Whether a target is an errno as the kernel returns it, such as -22."""
    number = target.strip()
    return number[:1] == "-" and number[1:].isascii() and number[1:].isdecimal()


def _is_text(target: str) -> bool:
    """Whether a target is a text: it has a blank or a bracket, or is an errno."""
    text = target.strip()
    if any(mark in text for mark in " \n\t("):
        return True
    if ":" in text or "/" in text:
        return False
    from vfioguard.symptom.words import only_errno

    return only_errno(text.lower())


def explain(text: str, snapshot: Snapshot, report: Report, again: str) -> int:
    """Print what a text means on this host, and return its status.

    `again` holds the options that judge the same host. Raises `Failure` if nothing is known of it.
    """
    from vfioguard.output.explain.document import meaning, not_known
    from vfioguard.output.explain.symptom import symptom_lines

    read, meant = meaning(text, snapshot, report)
    if not meant:
        raise Failure(not_known(text, read))
    print("\n".join(symptom_lines(read, meant, report, again)))
    return of_text(meant, report)


def as_json(
    text: str, target: str, snapshot: Snapshot, report: Report
) -> tuple[shapes.Answer, list[str], int]:
    """What a text means on this host, as JSON, the devices of this host in it, and its status."""
    from vfioguard.output.explain import document
    from vfioguard.output.explain.symptom import devices_named

    read, meant = document.meaning(text, snapshot, report)
    status = of_text(meant, report) if meant else OWN_FAILURE
    return document.of_text(target, read, meant, report), devices_named(meant), status


def print_documents(report: Report, documents: list[shapes.Told]) -> None:
    """Print the answers about all targets as one JSON object."""
    from vfioguard.proof_json import dumps

    explained: shapes.Explained = {
        "schema_version": SCHEMA_VERSION,
        "kernel": report.host.kernel,
        "assumed": list(report.host.assumed),
        "answers": documents,
    }
    print(dumps(explained))
