"""Tables that were handed over, laid over a host that shows them to root alone."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.trees import write
from vfioguard.fact import Fact, Gap, Why
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.root import ACPI_TABLES, Root
from vfioguard.root.handed import Handed
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.opening import CannotOpen, open_root
from vfioguard.root.recording import Recording

#: What an unprivileged process sees of an Intel host: the names, not the content.
SHOWN: dict[str, Entry] = {
    f"{ACPI_TABLES}/{name}": Refused(errno.EACCES) for name in ("APIC", "DMAR", "DSDT")
}
#: What a container runtime leaves of it.
MASKED: dict[str, Entry] = {"/sys/firmware": None}


def handed(directory: Path, host: Mapping[str, Entry], **files: bytes) -> Root:
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return Handed(Memory(host), str(directory))


def test_a_table_that_was_handed_over_is_read_and_named_by_its_true_file(tmp_path: Path) -> None:
    root = handed(tmp_path, SHOWN, DMAR=b"DMAR table")
    found = acpi_tables.read(root)
    assert found.dmar == Fact(b"DMAR table", b"DMAR table", f"{tmp_path}/DMAR")
    assert isinstance(found.madt, Gap)
    assert (found.madt.why, found.madt.source) == (Why.DENIED, f"{ACPI_TABLES}/APIC")


@pytest.mark.parametrize("word", [b"absent", b"absent\n"])
@pytest.mark.parametrize("host", [SHOWN, MASKED], ids=["shown", "masked"])
def test_a_table_that_is_said_to_be_absent_is_absent_from_the_host(
    tmp_path: Path, host: Mapping[str, Entry], word: bytes
) -> None:
    found = acpi_tables.read(handed(tmp_path, host, IVRS=word, APIC=b"APIC table"))
    assert isinstance(found.ivrs, Gap)
    assert (found.ivrs.why, found.ivrs.source) == (Why.ABSENT, f"{ACPI_TABLES}/IVRS")


def test_the_host_is_believed_that_lists_a_table_said_to_be_absent(tmp_path: Path) -> None:
    found = acpi_tables.read(handed(tmp_path, SHOWN, DMAR=b"absent"))
    assert isinstance(found.dmar, Gap)
    assert (found.dmar.why, found.dmar.errno) == (Why.DENIED, "EACCES")


def test_words_alone_do_not_make_a_hidden_directory_visible(tmp_path: Path) -> None:
    host: dict[str, Entry] = {ACPI_TABLES: None}
    found = acpi_tables.read(handed(tmp_path, host, DMAR=b"absent", APIC=b"absent"))
    assert {acpi_tables.state(table) for table in found} == {"hidden"}


def test_the_credentials_of_somebody_else_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "tls.key").write_bytes(b"secret")
    host: dict[str, Entry] = {ACPI_TABLES: None}
    root = handed(tmp_path, host, cert=b"x", tls_KEY=b"x")
    assert root.listdir(ACPI_TABLES) == []
    with pytest.raises(FileNotFoundError):
        root.read(f"{ACPI_TABLES}/tls.key")


def test_a_file_that_cannot_be_read_is_named_as_the_one_that_cannot(tmp_path: Path) -> None:
    (tmp_path / "APIC").mkdir()
    found = acpi_tables.read(handed(tmp_path, SHOWN)).madt
    assert isinstance(found, Gap)
    assert (found.why, found.errno, found.source) == (Why.FAILED, "EISDIR", f"{tmp_path}/APIC")


def test_nothing_outside_the_directory_is_read_for_a_table(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    inside = tmp_path / "tables"
    inside.mkdir()
    (inside / "DMAR").symlink_to("../secret")
    found = acpi_tables.read(handed(inside, MASKED)).dmar
    assert isinstance(found, Gap)


def test_a_table_larger_than_any_is_one_gap(tmp_path: Path) -> None:
    found = acpi_tables.read(handed(tmp_path, SHOWN, DMAR=b"D" * (5 << 20), APIC=b"A"))
    assert isinstance(found.dmar, Gap)
    assert found.dmar.errno == "EFBIG"
    assert isinstance(found.madt, Fact)


def test_the_names_are_those_of_the_host_and_of_the_files(tmp_path: Path) -> None:
    root = handed(tmp_path, SHOWN, DMAR=b"D", IORT=b"I", IVRS=b"absent")
    assert sorted(root.listdir(ACPI_TABLES)) == ["APIC", "DMAR", "DSDT", "IORT"]
    assert handed(tmp_path, MASKED).under(ACPI_TABLES).read("DMAR") == b"D"


def test_every_other_path_is_the_hosts(tmp_path: Path) -> None:
    host: dict[str, Entry] = {"/proc/cmdline": b"quiet\n", "/sys/kernel/DMAR": b"other\n"}
    root = handed(tmp_path, host, DMAR=b"D")
    assert root.read("/sys/kernel/DMAR") == b"other\n"
    assert root.head("/proc/cmdline", 2) == b"qu"
    assert root.under("/proc").read("cmdline") == b"quiet\n"
    assert root.source("/proc/cmdline") == "/proc/cmdline"
    assert sorted(root.listdir("/sys/kernel")) == ["DMAR"]


def test_a_capture_holds_the_tables_where_the_kernel_has_them(tmp_path: Path) -> None:
    recording = Recording(handed(tmp_path, SHOWN, DMAR=b"D"))
    acpi_tables.read(recording)
    assert recording.entries[f"{ACPI_TABLES}/DMAR"] == b"D"


def test_a_directory_may_have_tables_handed_over_and_a_capture_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "DMAR").write_bytes(b"D")
    host = write(tmp_path / "host", {"/sys/kernel": None})
    assert open_root(host, str(tmp_path)).read(f"{ACPI_TABLES}/DMAR") == b"D"
    (tmp_path / "host.tar.xz").write_bytes(b"")
    with pytest.raises(CannotOpen, match="a capture has its own ACPI tables"):
        open_root(str(tmp_path / "host.tar.xz"), str(tmp_path))
    with pytest.raises(CannotOpen, match="no directory of ACPI tables"):
        open_root("/", str(tmp_path / "none"))
